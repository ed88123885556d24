#!/usr/bin/python3
"""pool.py KIND PORT PAUSE…: some clients, each with a pool of connections, ask for a page after each pause.

KIND is http.client or requests. With 0 for the pool's idle limit a connection is kept for ever; IDLE_LIMIT in the
environment closes what lay idle for longer. Prints what became of the requests.
"""

import collections
import http.client
import os
import sys
import threading
import time

CLIENTS = 5
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


def client(port, pauses):
    pool = Pool(port)
    for pause in pauses:
        pool.ask()
        time.sleep(pause)
    pool.ask()
    pool.connection.close()


threads = [threading.Thread(target=client, args=(int(sys.argv[1]), [*map(float, sys.argv[2:])])) for _ in range(CLIENTS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(f"answered {counts['answered']} failed {counts['failed']}")
