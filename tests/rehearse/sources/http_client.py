"""http.client: a request each 0.3 s on one connection, or a new one after an error: POST, or GET of PATH.

http_client.py ADDRESS PORT TIMEOUT SECONDS [PATH]
"""

import http.client
import sys
import time

address, port, timeout, seconds, *path = sys.argv[1:]
client = http.client.HTTPConnection(address, int(port), timeout=float(timeout) or None)
answered = failed = 0
end = time.monotonic() + float(seconds)
while time.monotonic() < end:
    try:
        if path:
            client.request("GET", *path)
        else:
            client.request("POST", "/", body=b"x" * 100)
        client.getresponse().read()
        answered += 1
    except OSError as error:
        failed += 1
        print(f"failed: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        client.close()
    except http.client.HTTPException as error:
        failed += 1
        print(f"failed: {type(error).__name__}", file=sys.stderr, flush=True)
        client.close()
    time.sleep(0.3)
print(f"answered {answered} failed {failed}")
