"""socketserver's ThreadingMixIn or ForkingMixIn: a server that echoes lines.  Prints its port.

server.py threading|forking
"""

import socketserver
import sys


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)


mixin = {"threading": socketserver.ThreadingMixIn, "forking": socketserver.ForkingMixIn}[sys.argv[1]]


class Server(mixin, socketserver.TCPServer):
    daemon_threads = True
    block_on_close = False


with Server(("127.0.0.1", 0), Handler) as server:
    print("port", server.server_address[1], flush=True)
    server.serve_forever(poll_interval=0.2)
