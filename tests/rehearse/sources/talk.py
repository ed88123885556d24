"""A client without the library: sends a line each 0.3 s to a server that echoes, and prints what comes back.

talk.py PORT LINES SECONDS
"""

import socket
import sys
import time

port, lines, seconds = sys.argv[1:]
end = time.monotonic() + float(seconds)
with socket.create_connection(("127.0.0.1", int(port))) as connection:
    connection.settimeout(0.1)
    for number in range(1, int(lines) + 1):
        connection.sendall(b"line %02d\n" % number)
        next_time = time.monotonic() + 0.3
        while time.monotonic() < (end if number == int(lines) else next_time):
            try:
                data = connection.recv(1000)
            except TimeoutError:
                continue
            except OSError as error:
                print(f"failed: {error}", file=sys.stderr)
                sys.exit(1)
            if not data:
                print("end of stream", file=sys.stderr)
                sys.exit()
            sys.stdout.write(data.decode())
            sys.stdout.flush()
