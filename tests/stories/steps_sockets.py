"""Steps of an actor: how a socket is made, set up, passed on and restricted."""

import ctypes
import errno
import os
import socket
import ssl
import struct
import sys
import threading
import time


class Sockets:
    # ---- opening

    def make(self):
        family = socket.AF_INET6 if ":" in self.peer[0] else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)

    def do_connect(self):
        if not self.sock:
            self.make()
        try:
            self.sock.connect(self.peer)
        finally:
            self.write_port()

    def do_begin(self):
        """Starts a connect in the background."""
        if not self.sock:
            self.make()
        self.sock.setblocking(False)
        result = self.sock.connect_ex(self.peer)
        self.write_port()
        return errno.errorcode.get(result, result)

    def do_make(self):
        self.make()

    def do_more(self, count):
        """Opens more connections to the same server, and keeps them."""
        for _ in range(int(count)):
            self.kept.append(socket.create_connection(self.peer))

    def do_fire(self, count):
        """Begins more connections in the background, and keeps them."""
        for _ in range(int(count)):
            self.kept.append(socket.socket())
            self.kept[-1].setblocking(False)
            self.kept[-1].connect_ex(self.peer)

    def do_churn(self, count):
        """Opens and closes connections: each leaves a socket in TIME_WAIT here."""
        for _ in range(int(count)):
            socket.create_connection(self.peer).close()

    def do_use(self, number):
        """Goes on with one of the connections that were kept."""
        self.kept.append(self.sock)
        self.sock = self.kept[int(number)]
        self.write_port()

    def do_sockstat(self):
        """Returns how many sockets are in TIME_WAIT."""
        words = open("/proc/net/sockstat", encoding="ascii").read().split()
        return int(words[words.index("tw") + 1])

    def do_listen(self, backlog):
        family = socket.AF_INET6 if ":" in self.peer[0] else socket.AF_INET
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(self.peer)
        self.listener.listen(int(backlog))

    def do_accept(self):
        self.sock, _ = self.listener.accept()
        self.write_port()

    # ---- options

    def do_nodelay(self):
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_nonblock(self):
        self.sock.setblocking(False)

    def do_block(self):
        self.sock.setblocking(True)

    def do_linger0(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def do_rcvtimeo(self, seconds):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", int(seconds), 0))

    def do_keepalive(self, idle, interval, count):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, int(idle))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, int(interval))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, int(count))

    def do_user_timeout(self, ms):
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(ms))

    def do_pacing(self, rate):
        """Makes the uplink slow: bytes per second."""
        self.sock.setsockopt(socket.SOL_SOCKET, 47, int(rate))  # SO_MAX_PACING_RATE

    def do_sndbuf(self, size):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, int(size))

    # ---- descriptors and threads

    def do_dup(self):
        """Goes on with a duplicate of the descriptor, and closes the first."""
        second = self.sock.dup()
        self.sock.close()
        self.sock = second

    def do_pass(self):
        """Sends the descriptor to this process itself, and goes on with what arrives."""
        one, two = socket.socketpair()
        socket.send_fds(one, [b"x"], [self.sock.fileno()])
        self.sock.close()
        _, fds, _, _ = socket.recv_fds(two, 1, 1)
        self.sock = socket.socket(fileno=fds[0])

    def do_hold_reader(self):
        """Leaves a thread blocked in recv."""
        threading.Thread(target=self.play, args=("once 100",), daemon=True).start()
        time.sleep(0.1)

    def do_exec(self, *words):
        """Goes on in a new program, which inherits the connection: "_" stands for ";"."""
        os.set_inheritable(self.sock.fileno(), True)
        steps = " ".join(words).replace("_", ";")
        log = f"{self.place}/{self.name}"
        actor = f"{os.path.dirname(__file__)}/actor.py"
        words = [sys.executable, "-SEB", actor, "adopt", log, str(self.sock.fileno()), steps]
        os.execv(sys.executable, words)

    # ---- seccomp

    def do_no_new_privs(self):
        ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)

    def do_filter(self, how):
        """Allows everything, by a filter that is set by prctl or by the system call seccomp."""
        code = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7FFF0000))
        program = ctypes.create_string_buffer(struct.pack("H6xQ", 1, ctypes.addressof(code)))
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(38, 1, 0, 0, 0)
        if how == "prctl":
            return libc.prctl(22, 2, program)
        return libc.syscall(317, 1, 0, program)

    # ---- TLS

    def do_tls(self, version):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.use_tls(context, version, False)

    def do_tls_server(self, version):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{self.place}/cert.pem", f"{self.place}/key.pem")
        context.num_tickets = 0
        self.use_tls(context, version, True)

    def use_tls(self, context, version, is_server):
        wanted = ssl.TLSVersion.TLSv1_2 if version == "1.2" else ssl.TLSVersion.TLSv1_3
        context.minimum_version = context.maximum_version = wanted
        self.sock = context.wrap_socket(self.sock, server_side=is_server, suppress_ragged_eofs=True)

    def do_raw_close(self):
        """Closes the connection below TLS, without close_notify."""
        os.close(self.sock.detach())

    def do_raw_once(self):
        """Reads below TLS."""
        return len(os.read(self.sock.fileno(), 1))

    def do_notify(self):
        """Sends close_notify, and does not wait for the peer's."""
        self.sock.setblocking(False)
        try:
            self.sock.unwrap()
        except (ssl.SSLWantReadError, OSError):
            pass
        self.sock.setblocking(True)
