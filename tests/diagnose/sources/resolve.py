#!/usr/bin/python3
"""resolve.py PORT: asks a name server over TCP for the address of kang, ten times on each of four connections."""

import socket
import struct
import sys

query = struct.pack("!6H", 1, 0x100, 1, 0, 0, 0) + b"\4kang\0" + struct.pack("!2H", 1, 1)
for _ in range(4):
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as server:
        for _ in range(10):
            server.sendall(struct.pack("!H", len(query)) + query)
            size = struct.unpack("!H", server.recv(2, socket.MSG_WAITALL))[0]
            assert socket.inet_aton("192.0.2.1") in server.recv(size, socket.MSG_WAITALL)
