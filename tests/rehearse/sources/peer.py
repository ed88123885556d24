"""The peer and witness: a server on 127.0.0.1 and ::1 that writes down each byte that it gets from port N, in FILE.N.  Prints
its own port.

peer.py FILE MODE: silent (only reads), echo, http (answers each request after the delay in its path, /2 for 2 s), closes
(ends each connection after its first bytes), line (writes a line each 0.2 s, and reads).
"""

import re
import socket
import sys
import threading
import time

file, mode = sys.argv[1:]


def listen():
    while True:
        four = socket.create_server(("127.0.0.1", 0), backlog=64)
        port = four.getsockname()[1]
        try:
            return port, [four, socket.create_server(("::1", port), family=socket.AF_INET6, backlog=64)]
        except OSError:
            four.close()


def lines(connection):
    try:
        while True:
            connection.sendall(b"a line\n")
            time.sleep(0.2)
    except OSError:
        pass


def answer(connection, text):
    """Answers the complete requests in text.  Returns what is left of it."""
    while found := re.match(rb"(?s)([A-Z]+) /([0-9.]*)\S* .*?\r\n\r\n", text):
        length = re.search(rb"(?i)content-length: *(\d+)", found[0])
        end = found.end() + (int(length[1]) if length else 0)
        if len(text) < end:
            break
        text = text[end:]
        time.sleep(float(found[2] or 0))
        body = b"" if found[1] == b"HEAD" else b"a page\n"
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\n" + body)
    return text


def serve(connection, number):  # the number of the peer's port
    text = b""
    try:
        if mode == "line":
            threading.Thread(target=lines, args=(connection,), daemon=True).start()
        with open(f"{file}.{number}", "wb", buffering=0) as log, connection:
            while data := connection.recv(1 << 16):
                log.write(data)
                if mode == "echo":
                    connection.sendall(data)
                elif mode == "http":
                    text = answer(connection, text + data)
                elif mode == "closes":
                    break
    except OSError:
        pass


def accept(listener):
    while True:
        connection, name = listener.accept()
        threading.Thread(target=serve, args=(connection, name[1]), daemon=True).start()


port, listeners = listen()
print(port, flush=True)
for listener in listeners[1:]:
    threading.Thread(target=accept, args=(listener,), daemon=True).start()
accept(listeners[0])
