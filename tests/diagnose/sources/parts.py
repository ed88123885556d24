#!/usr/bin/python3
"""parts.py PORT nagle|nodelay COUNT: asks redis so many times, with each request in two small writes. Prints how many
seconds that took."""

import socket
import sys
import time

client = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
if sys.argv[2] == "nodelay":
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
begun = time.monotonic()
for _ in range(int(sys.argv[3])):
    client.sendall(b"set kang ")
    client.sendall(b"kodos\r\n")
    assert client.recv(100) == b"+OK\r\n"
print(time.monotonic() - begun)
client.close()
