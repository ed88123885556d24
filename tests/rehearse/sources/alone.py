"""UDP, a Unix socket and a pair of them: each must work.  Prints what came back.

alone.py DIRECTORY
"""

import os
import socket
import sys
import tempfile

for kind in (socket.AF_INET, socket.AF_INET6):
    with socket.socket(kind, socket.SOCK_DGRAM) as server, socket.socket(kind, socket.SOCK_DGRAM) as client:
        server.bind(("127.0.0.1" if kind == socket.AF_INET else "::1", 0))
        server.settimeout(5)
        client.connect(server.getsockname())
        client.send(b"UDP")
        print(server.recv(10).decode())
with tempfile.TemporaryDirectory(dir=sys.argv[1]) as directory:
    path = os.path.join(directory, "socket")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(path)
        server.listen()
        client.settimeout(5)
        client.connect(path)
        peer = server.accept()[0]
        peer.sendall(b"Unix")
        print(client.recv(10).decode())
first, second = socket.socketpair()
first.sendall(b"pair")
second.settimeout(5)
print(second.recv(10).decode())
