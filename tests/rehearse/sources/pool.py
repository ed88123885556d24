"""psycopg2's pool: an insert each 0.3 s, and the same again on another connection after an error.

pool.py PORT NAME SECONDS [PARAMETER…]
"""

import sys
import time

import psycopg2
import psycopg2.pool

port, name, seconds, *parameters = sys.argv[1:]
server = f"host=127.0.0.1 port={port} user=postgres dbname=postgres sslmode=disable gssencmode=disable"
pool = None
number = 1
end = time.monotonic() + float(seconds)
while time.monotonic() < end:
    connection = None
    try:
        pool = pool or psycopg2.pool.SimpleConnectionPool(1, 2, " ".join([server, *parameters]))
        connection = pool.getconn()
        connection.autocommit = True
        connection.cursor().execute(f"insert into log values ('{name}', {number})")
        pool.putconn(connection)
        number += 1
    except psycopg2.OperationalError as error:
        print(f"failed: {error}", file=sys.stderr, flush=True)
        if connection:
            pool.putconn(connection, close=True)
    time.sleep(0.3)
print(number - 1)
