#!/usr/bin/python3
"""upload.py PORT COUNT BYTES [PAUSE]: uploads so many bytes so many times with http.client, in ten parts if there is to
be a pause after each. Prints how many were answered."""

import http.client
import sys
import time

port, count, size = map(int, sys.argv[1:4])


def parts(pause):
    for _ in range(10):
        yield b"x" * (size // 10)
        time.sleep(pause)


answered = 0
for _ in range(count):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        body = parts(float(sys.argv[4])) if sys.argv[4:] else b"x" * size
        connection.request("POST", "/", body=body, headers={"Content-Length": str(size)})
        response = connection.getresponse()
        response.read()
        answered += response.status == 413
    except OSError:
        pass
    connection.close()
print(f"answered {answered}")
