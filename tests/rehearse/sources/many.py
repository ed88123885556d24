"""Opens so many connections to a server that echoes, then talks on each, and prints the numbers of those that failed.

many.py ADDRESS PORT COUNT
"""

import socket
import sys

address, port, count = sys.argv[1:]
connections = [socket.create_connection((address, int(port)), timeout=1.5) for _ in range(int(count))]
failed = []
for number, connection in enumerate(connections, 1):
    try:
        connection.sendall(b"hello\n")
        if connection.recv(100) != b"hello\n":
            failed.append(number)
    except OSError:
        failed.append(number)
for connection in connections:
    connection.close()
print(*failed)
