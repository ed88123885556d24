#!/usr/bin/python3
"""peers.py COUNT: a client that talks to so many addresses of this machine, and the server at all of them."""

import socket
import sys
import threading

listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
listener.bind(("0.0.0.0", 0))
listener.listen(100)


def serve():
    while True:
        connection, _ = listener.accept()
        connection.recv(10)
        connection.sendall(b"answer")
        connection.close()


threading.Thread(target=serve, daemon=True).start()
for number in range(int(sys.argv[1])):
    address = f"127.0.{number // 250}.{number % 250 + 1}", listener.getsockname()[1]
    with socket.create_connection(address) as client:
        client.sendall(b"request")
        while client.recv(10):
            pass
