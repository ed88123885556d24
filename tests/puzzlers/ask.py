"""ask.py WAIT ADDRESS PORT STEP...: connects, takes the steps, and prints one line for each: what came of it.

WAIT is how it waits before a read: blocking (in the read), nonblocking (tries again and again), select, poll or epoll.
The socket is non-blocking unless WAIT is blocking.  The steps:

    connect   (also the first) connects; a non-blocking socket then waits until it can be written
    greet     writes the first line
    write     writes the line that was read last
    pause     waits for a moment
    read      waits, and reads; prints what the wait reported
    event     waits only
    line      waits for a line on standard input
    error     SO_ERROR
    peer      getpeername()
    name      getsockname(), without the port
    state     the state in TCP_INFO
    sigpipe   from here on SIGPIPE ends the program

The program ends with status 0 unless a signal ends it.
"""

import errno
import select
import signal
import socket
import struct
import sys
import time


def words_of(bits, names):
    return "|".join(name for name in names if bits & getattr(select, name)) or "0"


class Asker:
    def __init__(self, wait, address, port):
        self.wait, self.peer, self.text = wait, (address, int(port)), "\n"
        self.socket = socket.socket()
        self.socket.setblocking(self.wait == "blocking")
        if self.wait == "epoll":
            self.epoll = select.epoll()
            self.epoll.register(self.socket, 0)

    def connect(self):
        result = self.socket.connect_ex(self.peer)
        while self.wait == "nonblocking" and result in (errno.EALREADY, errno.EINPROGRESS):
            time.sleep(0.05)
            result = self.socket.connect_ex(self.peer)
        if result == errno.EISCONN:
            return "connected"
        if result == errno.EINPROGRESS:
            print("connect: EINPROGRESS", self.event(is_writable=True), flush=True)
            return self.error()
        return errno.errorcode.get(result, "connected")

    def event(self, is_writable=False):
        if self.wait == "select":
            ready = select.select([self.socket], [self.socket] if is_writable else [], [self.socket], 60)
            return "".join("1" if part else "0" for part in ready)
        if self.wait == "poll":
            poller = select.poll()
            poller.register(self.socket, select.POLLOUT if is_writable else select.POLLIN | select.POLLRDHUP)
            found = poller.poll(60000)
            return words_of(found[0][1], ("POLLIN", "POLLOUT", "POLLERR", "POLLHUP", "POLLRDHUP")) if found else "-"
        if self.wait == "epoll":
            events = select.EPOLLOUT if is_writable else select.EPOLLIN | select.EPOLLRDHUP
            self.epoll.modify(self.socket, events)
            found = self.epoll.poll(60)
            return words_of(found[0][1], ("EPOLLIN", "EPOLLOUT", "EPOLLERR", "EPOLLHUP", "EPOLLRDHUP")) if found else "-"
        if self.wait == "nonblocking":
            time.sleep(0.05)
        return ""

    def write(self):
        return f"{self.socket.send(self.text.encode())} bytes"

    def read(self):
        deadline = time.monotonic() + 60
        while True:
            bits = self.event()
            try:
                return f"{bits} {len(self.socket.recv(1000))} bytes"
            except OSError as error:
                if error.errno != errno.EAGAIN or time.monotonic() > deadline:
                    return f"{bits} {errno.errorcode[error.errno]}"

    def greet(self):
        return f"{self.socket.send(b'kodos, are you there?' + bytes([10]))} bytes"

    def line(self):
        self.text = sys.stdin.readline()
        return self.text.strip()

    def pause(self):
        time.sleep(0.5)
        return "over"

    def error(self):
        return errno.errorcode.get(self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), "0")

    def name(self):
        return self.socket.getsockname()[0]

    def state(self):
        return str(struct.unpack_from("B", self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104))[0])

    def take(self, step):
        if step == "peer":
            return self.socket.getpeername()[0]
        if step == "sigpipe":
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            return "ends the program"
        return getattr(self, step)()


def main():
    asker = Asker(*sys.argv[1:4])
    for step in ["connect"] + sys.argv[4:]:
        try:
            result = asker.take(step)
        except OSError as error:
            result = errno.errorcode[error.errno]
        print(f"{step}: {result}", flush=True)
    asker.socket.close()


main()
