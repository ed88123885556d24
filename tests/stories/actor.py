#!/usr/bin/python3
"""The two ends of a conversation, each with exactly the behaviour that a story gives it.

    actor.py client LOG ADDRESS PORT STEPS    connects (unless the steps begin with that) and does the steps
    actor.py serve ROWS ADDRESS               serves each PORT LOG STEPS of the file, one process per connection
    actor.py server LOG ADDRESS PORT STEPS    listens; the steps begin before accept

STEPS are separated by ";"; a step is a method do_X of Actor, its words the arguments. The log has one line per step,
START_NS END_NS STEP RESULT with CLOCK_MONOTONIC; RESULT is a number or the name of an error. After an error the next
step follows. A line with one number is the local port.
"""

import ctypes
import errno
import os
import select
import signal
import socket
import sys
import time

from steps_sockets import Sockets
from steps_transfers import LIMIT_S, Transfers


class Actor(Sockets, Transfers):
    def __init__(self, log, place, peer, sock=None):
        self.sock, self.peer = sock, peer
        self.place = place
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.name = os.path.basename(log)
        self.listener = None
        self.kept = []
        self.ended = {}
        if sock:
            self.write_port()

    def write_port(self):
        os.write(self.log, f"{self.sock.getsockname()[1]}\n".encode())

    def play(self, steps):
        for step in filter(None, (step.strip() for step in steps.split(";"))):
            words = step.split()
            started = time.monotonic_ns()
            try:
                result = getattr(self, "do_" + words[0].replace("-", "_"))(*words[1:])
            except OSError as error:
                result = errno.errorcode.get(error.errno, type(error).__name__)
            self.ended[words[0]] = time.monotonic_ns()
            line = f"{started} {self.ended[words[0]]} {words[0]} {0 if result is None else result}\n"
            os.write(self.log, line.encode())


def serve(rows, address):
    """Serves each row by a process per connection."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    poll, listeners = select.poll(), {}
    for row in open(rows, encoding="ascii"):
        port, log, steps = row.rstrip("\n").split(" ", 2)
        listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if steps.startswith("rcvbuf "):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, int(steps.split(";")[0].split()[1]))
        listener.bind((address, int(port)))
        listener.listen(64)
        listeners[listener.fileno()] = listener, log, steps
        poll.register(listener, select.POLLIN)
    while True:
        for fd, _ in poll.poll():
            listener, log, steps = listeners[fd]
            sock, peer = listener.accept()
            if os.fork() == 0:
                ctypes.CDLL(None).prctl(1, 9)
                for other, _, _ in listeners.values():
                    other.close()
                Actor(f"{log}.{peer[1]}", os.path.dirname(rows), peer, sock).play(steps)
                os._exit(0)
            sock.close()


def main():
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
    signal.alarm(LIMIT_S * 2)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    role = sys.argv[1]
    if role == "serve":
        serve(sys.argv[2], sys.argv[3])
        return
    if role == "adopt":
        actor = Actor(sys.argv[2], os.path.dirname(sys.argv[2]), None, socket.socket(fileno=int(sys.argv[3])))
        actor.play(sys.argv[4])
        return
    actor = Actor(sys.argv[2], os.path.dirname(sys.argv[2]), (sys.argv[3], int(sys.argv[4])))
    begins = role == "server" or sys.argv[5].split(";")[0].split()[0] in ("make", "connect", "begin", "import-asyncio")
    actor.play(sys.argv[5] if begins else "connect; " + sys.argv[5])


main()
