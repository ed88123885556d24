"""So many MiB each way at once, over one connection; both ends print the sha256 of what they sent and what they got.

bulk.py server MIB SEED: prints its port, then its line.
bulk.py client MIB SEED PORT
"""

import hashlib
import random
import socket
import sys
import threading

role, size, seed, *port = sys.argv[1:]
size = int(size) << 20
block = random.Random(f"{role} {seed}").randbytes(1 << 20)


def send(connection, digest):
    for number in range(size >> 20):
        data = number.to_bytes(8, "big") + block[8:]
        digest.update(data)
        connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)


def receive(connection, digest):
    while data := connection.recv(1 << 18):
        digest.update(data)


def talk(connection):
    sent, got = hashlib.sha256(), hashlib.sha256()
    with connection:
        sender = threading.Thread(target=send, args=(connection, sent))
        sender.start()
        receive(connection, got)
        sender.join()
    print(role, "sent", sent.hexdigest(), "got", got.hexdigest(), flush=True)


if role == "server":
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print("port", listener.getsockname()[1], flush=True)
        talk(listener.accept()[0])
else:
    talk(socket.create_connection(("127.0.0.1", int(port[0]))))
