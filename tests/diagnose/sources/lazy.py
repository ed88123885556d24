#!/usr/bin/python3
"""lazy.py BACKLOG SECONDS COUNT: an HTTP server that is busy for so long before it accepts, and then answers so many."""

import socket
import sys
import time

listener = socket.create_server(("127.0.0.1", 8080), backlog=int(sys.argv[1]))
time.sleep(float(sys.argv[2]))
for _ in range(int(sys.argv[3])):
    connection, _ = listener.accept()
    connection.recv(1000)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(1000):
        pass
    connection.close()
