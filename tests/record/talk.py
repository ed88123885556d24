#!/usr/bin/python3
"""talk.py ROUNDS THREADS: each thread has a connection of its own to itself, over which it sends ROUNDS payloads of
sizes from 1 byte to 9000, receives each in pieces, and tries one read that finds nothing. All threads live as long as
the last of them talks.

talk.py block: sends and receives a little, prints "DESCRIPTOR THREAD" and waits forever for more.
"""

import socket
import sys
import threading

SIZES = (1, 40, 5000, 9000, 4096, 4097)


def connection(listener):
    client = socket.create_connection(listener.getsockname(), timeout=None)
    server, _ = listener.accept()
    return client, server


def talk(number, client, server, rounds, everybody):
    payload = bytes((number * 16 + at) % 256 for at in range(max(SIZES)))
    for turn in range(rounds):
        size = SIZES[turn % len(SIZES)]
        client.sendall(payload[:size])
        left = size
        while left:
            left -= len(server.recv(left))
        try:
            server.recv(1, socket.MSG_DONTWAIT)
        except BlockingIOError:
            pass
    everybody.wait(60)
    client.close()
    server.close()


def main(words):
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(8)
    if words == ["block"]:
        client, server = connection(listener)
        server.sendall(b"kodos")
        client.recv(100)
        print(client.fileno(), threading.get_native_id(), flush=True)
        client.recv(77)
        return
    rounds, count = int(words[0]), int(words[1])
    everybody = threading.Barrier(count)
    threads = [
        threading.Thread(target=talk, args=(n, *connection(listener), rounds, everybody)) for n in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(sys.argv[1:])
