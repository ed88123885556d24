#!/usr/bin/python3
"""libpq.py PORT PAUSE…: three connections of libpq ask the database after each pause. Prints how many queries failed."""

import sys
import time

import psycopg2

names = f"host=127.0.0.1 port={sys.argv[1]} user=postgres dbname=postgres gssencmode=disable"
pool = [psycopg2.connect(names) for _ in range(3)]
answered = failed = 0
for pause in [0, *map(float, sys.argv[2:])]:
    time.sleep(pause)
    for connection in pool:
        try:
            cursor = connection.cursor()
            cursor.execute("select 1")
            connection.commit()
            answered += 1
        except psycopg2.Error:
            failed += 1
for connection in pool:
    connection.close()
print(f"answered {answered} failed {failed}")
