#!/usr/bin/python3
"""prefork.py PORT [reads]: python's http.server with four processes that share the listener. A POST is answered with 413,
as many servers do, before its body was read; with "reads", after that."""

import ctypes
import http.server
import os
import sys
import time


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_POST(self):
        time.sleep(0.1)  # it looks up who asks, for example
        if sys.argv[2:] == ["reads"]:
            self.rfile.read(int(self.headers["Content-Length"]))
        self.send_error(413)


server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
for _ in range(3):
    if os.fork() == 0:
        ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
        break
server.serve_forever()
