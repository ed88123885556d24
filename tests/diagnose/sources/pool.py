#!/usr/bin/python3
"""pool.py PORT PAUSE…: five clients of http.client, each with a connection that it keeps, ask for a page after each pause.

IDLE_LIMIT in the environment closes what lay idle for longer. STAGGER makes each client begin so much later than the one
before, and ask the last time when all of them do. Prints what became of the requests.
"""

import collections
import http.client
import os
import sys
import threading
import time

CLIENTS = 5
stagger = float(os.environ.get("STAGGER", "0"))
limit = float(os.environ.get("IDLE_LIMIT", "inf"))
counts = collections.Counter()


class Pool:
    """http.client with what a pool adds: it keeps a connection, up to its idle limit."""

    def __init__(self, port):
        self.connection, self.used = http.client.HTTPConnection("127.0.0.1", port, timeout=10), time.monotonic()

    def ask(self):
        if time.monotonic() - self.used > limit:
            self.connection.close()
        try:
            self.connection.request("GET", "/page")
            self.connection.getresponse().read()
            counts["answered"] += 1
        except (http.client.HTTPException, OSError) as error:
            counts[type(error).__name__] += 1
            counts["failed"] += 1
            self.connection.close()
        self.used = time.monotonic()


def client(port, pauses, number):
    pool = Pool(port)
    time.sleep(number * stagger)
    for place, pause in enumerate(pauses):
        pool.ask()
        time.sleep(pause + (CLIENTS - 1 - number) * stagger * (place == 0))
    pool.ask()
    pool.connection.close()


port, pauses = int(sys.argv[1]), [*map(float, sys.argv[2:])]
threads = [threading.Thread(target=client, args=(port, pauses, number)) for number in range(CLIENTS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(f"answered {counts['answered']} failed {counts['failed']}")
