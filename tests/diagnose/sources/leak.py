#!/usr/bin/python3
"""leak.py SECONDS closes|leaks PORT COUNT…: a client that opens so many connections to each port, reads until end of stream,
and then closes them or forgets to. It goes on for so long after the last."""

import socket
import sys
import time

kept = []
for port, count in zip(sys.argv[3::2], sys.argv[4::2]):
    for _ in range(int(count)):
        client = socket.create_connection(("127.0.0.1", int(port)))
        client.sendall(b"GET /page HTTP/1.0\r\n\r\n")
        while client.recv(1000):
            pass
        if sys.argv[2] == "closes":
            client.close()
        else:
            kept.append(client)
print("open", len(kept), flush=True)
time.sleep(float(sys.argv[1]))
print("done", len(kept), flush=True)
time.sleep(60)
