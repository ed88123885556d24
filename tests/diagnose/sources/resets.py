#!/usr/bin/python3
"""resets.py EVERY: an HTTP server that resets every EVERYth connection instead of answering it; 0: none.

Prints its port, and a line for each connection at its end: "reset" or "answered"."""

import socket
import struct
import sys
import threading

every = int(sys.argv[1])
listener = socket.create_server(("127.0.0.1", 0), backlog=128)
print(listener.getsockname()[1], flush=True)


def serve(connection, number):
    connection.recv(1000)
    is_reset = every and number % every == 0
    if is_reset:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    else:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1000):
            pass
    connection.close()
    sys.stdout.write("reset\n" if is_reset else "answered\n")
    sys.stdout.flush()


number = 0
while True:
    accepted, _ = listener.accept()
    threading.Thread(target=serve, args=(accepted, number), daemon=True).start()
    number += 1
