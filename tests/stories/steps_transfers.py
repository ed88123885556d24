"""Steps of an actor: reading, writing, waiting and closing."""

import os
import select
import socket
import time

LIMIT_S = 60


class Room:
    """Measures the longest wait of a non-blocking writer: from a write that found too little room to the next that
    found some. Leaves it in the log as a step "wait"."""

    def __init__(self, actor):
        self.actor, self.since, self.longest = actor, None, (0, 0)

    def after(self, sent, asked):
        now = time.monotonic_ns()
        if sent and self.since and now - self.since > self.longest[1] - self.longest[0]:
            self.longest = self.since, now
        if sent:
            self.since = None
        if sent < asked and not self.since:
            self.since = now
        return sent

    def write(self):
        os.write(self.actor.log, f"{self.longest[0]} {self.longest[1]} wait 0\n".encode())


class Transfers:
    # ---- transfers

    def do_send(self, size, flags="0"):
        return self.sock.send(bytes(int(size)), int(flags))

    def do_sendall(self, size):
        self.sock.sendall(bytes(int(size)))
        return int(size)

    def do_writev(self, *sizes):
        return os.writev(self.sock.fileno(), [bytes(int(size)) for size in sizes])

    def do_sendmsg(self, *sizes):
        return self.sock.sendmsg([bytes(int(size)) for size in sizes])

    def do_sendfile(self, size):
        """Sends a file of so many bytes, as a file server does."""
        file = os.memfd_create("file")
        os.truncate(file, int(size))
        sent = 0
        while sent < int(size):
            sent += os.sendfile(self.sock.fileno(), file, sent, int(size) - sent)
        os.close(file)
        return sent

    def do_splice(self, size):
        """Sends through a pipe, as a proxy does."""
        out, into = os.pipe()
        sent = 0
        while sent < int(size):
            os.write(into, bytes(min(65536, int(size) - sent)))
            left = min(65536, int(size) - sent)
            while left > 0:
                count = os.splice(out, self.sock.fileno(), left)
                left -= count
                sent += count
        return sent

    def do_recv(self, size):
        """Reads until it has so many bytes, or until the end."""
        count = 0
        while count < int(size):
            part = len(self.sock.recv(int(size) - count))
            if part == 0:
                break
            count += part
        return count

    def do_once(self, size):
        return len(self.sock.recv(int(size)))

    def do_peek(self, size):
        return len(self.sock.recv(int(size), socket.MSG_PEEK))

    def do_drain(self):
        count = 0
        while part := len(self.sock.recv(1 << 18)):
            count += part
        return count

    def do_sip(self, size, seconds):
        """Reads to the end, so many bytes at a time with a pause after each."""
        count = 0
        while part := len(self.sock.recv(int(size))):
            count += part
            time.sleep(float(seconds))
        return count

    def do_pump(self, size, ms):
        """Sends all with a non-blocking descriptor, waiting with poll for so many milliseconds at most each time."""
        self.sock.setblocking(False)
        poll, sent, data, room = select.poll(), 0, memoryview(bytes(int(size))), Room(self)
        poll.register(self.sock, select.POLLOUT)
        while sent < len(data):
            poll.poll(int(ms))
            try:
                sent += room.after(self.sock.send(data[sent:]), len(data) - sent)
            except BlockingIOError:
                room.after(0, 1)
        self.sock.setblocking(True)
        room.write()
        return sent

    def do_pour(self, ms):
        """Sends until an error, waiting with poll for so many milliseconds at most each time."""
        self.sock.setblocking(False)
        poll, sent = select.poll(), 0
        poll.register(self.sock, select.POLLOUT)
        try:
            while True:
                poll.poll(int(ms))
                try:
                    sent += self.sock.send(bytes(100000))
                except BlockingIOError:
                    pass
        finally:
            os.write(self.log, f"0 0 written {sent}\n".encode())

    def do_fill(self, size):
        """Sends until there is no room, but no more than this."""
        self.sock.setblocking(False)
        sent = 0
        try:
            while sent < int(size):
                sent += self.sock.send(bytes(min(65536, int(size) - sent)))
        except BlockingIOError:
            pass
        return sent

    def do_wait_room(self, ms, count):
        """Waits for room with poll, and tries to send after each wait."""
        poll, found, sent = select.poll(), 0, 0
        poll.register(self.sock, select.POLLOUT)
        for _ in range(int(count)):
            found = poll.poll(int(ms))
            try:
                sent += self.sock.send(bytes(1000))
            except BlockingIOError:
                pass
        os.write(self.log, f"0 0 found {sent}\n".encode())
        return len(found)

    def do_import_asyncio(self):
        """Takes a while, so it is done before the conversation begins."""
        import asyncio  # noqa: F401

    def do_asyncio(self, size):
        import asyncio

        async def send():
            await asyncio.get_running_loop().sock_sendall(self.sock, bytes(int(size)))

        self.sock.setblocking(False)
        asyncio.run(send())
        self.sock.setblocking(True)
        return int(size)

    def do_epoll(self, size, port, chunk):
        """Sends all by epoll, while another connection of the same epoll asks and answers all the time."""
        other = socket.create_connection((self.peer[0], int(port)))
        other.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        epoll, sent, data, room = select.epoll(), 0, memoryview(bytes(int(size))), Room(self)
        self.sock.setblocking(False)
        other.send(bytes(10))
        epoll.register(other, select.EPOLLIN)
        epoll.register(self.sock, select.EPOLLIN | select.EPOLLOUT)
        while sent < len(data):
            for fd, events in epoll.poll(1):
                if fd == other.fileno():
                    other.recv(10)
                    time.sleep(0.01)
                    other.send(bytes(10))
                elif events & select.EPOLLOUT:
                    try:
                        part = data[sent : sent + int(chunk)]
                        sent += room.after(self.sock.send(part), len(part))
                    except BlockingIOError:
                        room.after(0, 1)
        other.recv(10)
        other.close()
        self.sock.setblocking(True)
        room.write()
        return sent

    def do_echo(self, size):
        """Answers all that comes until the peer closes, in pieces of this size."""
        while data := self.sock.recv(int(size)):
            self.sock.send(data)

    def do_requests(self, count, pause="0"):
        """Sends so many requests in two small writes each, and reads the answer to each."""
        for _ in range(int(count)):
            self.sock.send(bytes(50))
            started = time.monotonic_ns()
            self.sock.send(bytes(50))
            os.write(self.log, f"{started} {started} second 50\n".encode())
            self.do_recv(100)
            time.sleep(float(pause))

    def do_more_requests(self, count):
        for _ in range(int(count)):
            self.sock.send(bytes(50), 0x8000)  # MSG_MORE
            self.sock.send(bytes(50))
            self.do_recv(100)

    def do_corked(self, count):
        for _ in range(int(count)):
            self.sock.send(bytes(100), 0x8000)  # MSG_MORE
            self.do_recv(100)

    def do_chat(self, size, seconds, count):
        """Writes again and again until an error."""
        for _ in range(int(count)):
            self.sock.send(bytes(int(size)))
            time.sleep(float(seconds))

    def do_rcvbuf(self, size):
        """Is done by serve(), before it listens."""

    def do_single_requests(self, count):
        for _ in range(int(count)):
            self.sock.send(bytes(100))
            self.do_recv(100)

    def do_quick_answers(self, count, thinking="0"):
        """Like do_answers, but acknowledges at once."""
        for _ in range(int(count)):
            left = 100
            while left > 0:
                self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
                part = len(self.sock.recv(left))
                if part == 0:
                    return
                left -= part
            time.sleep(float(thinking))
            self.sock.send(bytes(100))

    def do_answers(self, count, thinking="0"):
        for _ in range(int(count)):
            if self.do_recv(100) < 100:
                break
            time.sleep(float(thinking))
            self.sock.send(bytes(100))

    # ---- waiting

    def do_since(self, step, seconds):
        """Sleeps until so long after the end of the last step of this name."""
        time.sleep(max(0, self.ended[step] / 1e9 + float(seconds) - time.monotonic()))

    def do_sleep(self, seconds):
        time.sleep(float(seconds))

    def do_poll(self, ms, events="1"):
        poll = select.poll()
        poll.register(self.sock, int(events))
        return sum(found for _, found in poll.poll(int(ms)))

    def do_watch(self, ms, count):
        """Polls so many times, and does nothing about what it finds."""
        for _ in range(int(count)):
            if self.do_poll(ms):
                break

    def do_error(self):
        return self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def do_tell(self, word):
        """Says to the stage that this point is reached."""
        open(f"{self.place}/{word}.{self.name}", "w", encoding="ascii").close()

    def do_await(self, word):
        until = time.monotonic() + LIMIT_S
        while not os.path.exists(f"{self.place}/{word}") and time.monotonic() < until:
            time.sleep(0.01)

    def do_meet(self, word):
        """Waits until the other side, which is the client, has told the word."""
        name, _, port = self.name.partition(".server.")
        self.do_await(f"{word}.{name}" if port else f"{word}.{name}.client")

    def do_after_close(self, seconds):
        """Sleeps until so long after the server has told that it has closed."""
        self.do_await(f"closed.{self.name}.server.{self.sock.getsockname()[1]}")
        time.sleep(float(seconds))

    # ---- the end

    def do_shut(self, how="1"):
        self.sock.shutdown(int(how))

    def do_close(self):
        self.sock.close()

    def do_stop(self):
        """Stops listening."""
        self.listener.close()
