"""Each way in which python's socket and os modules send and receive, between two threads."""
import os
import select
import socket
import tempfile
import threading

SIZE = 100_000


def serve(listener):
    while True:
        connection, _ = listener.accept()
        if converse(connection):
            return


def converse(connection):
    with connection:
        kind = connection.recv(1, socket.MSG_WAITALL).decode()
        if kind == "q":
            return True
        received = 0
        buffer = bytearray(4096)
        while True:
            if kind == "a":
                got = len(connection.recv(4096))
            elif kind == "b":
                got = connection.recv_into(buffer)
            elif kind == "c":
                got = len(connection.recvfrom(4096)[0])
            elif kind == "d":
                got = len(connection.recvmsg(4096)[0])
            elif kind == "e":
                got = connection.recvmsg_into([buffer])[0]
            elif kind == "f":
                got = len(os.read(connection.fileno(), 4096))
            elif kind == "g":
                got = os.readv(connection.fileno(), [memoryview(buffer)[:100], memoryview(buffer)[100:]])
            else:
                if not select.select([connection], [], [], 20)[0]:
                    raise TimeoutError
                got = len(connection.recv(4096))
            if got == 0:
                break
            received += got
        connection.sendall(f"{received}\n".encode())
    return False


def ways(connection):
    """Each sends SIZE bytes."""
    block = b"x" * SIZE

    def by_sendfile():
        with tempfile.TemporaryFile() as file:
            file.write(block)
            file.seek(0)
            connection.sendfile(file)

    def by_splice():
        reader, writer = os.pipe()
        for _ in range(SIZE // 1000):
            os.write(writer, block[:1000])
            left = 1000
            while left:
                left -= os.splice(reader, connection.fileno(), left)
        os.close(reader)
        os.close(writer)

    def by_parts(send):
        sent = 0
        while sent < SIZE:
            sent += send(block[sent:sent + 10000])

    def by_file():
        with connection.makefile("wb") as file:
            for _ in range(SIZE // 1000):
                file.write(block[:1000])

    return {
        "a": lambda: connection.sendall(block),
        "b": lambda: by_parts(connection.send),
        "c": lambda: by_parts(lambda part: connection.sendmsg([part[:10], part[10:]])),
        "d": lambda: by_parts(lambda part: os.write(connection.fileno(), part)),
        "e": lambda: by_parts(lambda part: os.writev(connection.fileno(), [part[:10], part[10:]])),
        "f": by_sendfile,
        "g": by_splice if hasattr(os, "splice") else by_file,
        "h": by_file,
    }


def main():
    listener = socket.create_server(("127.0.0.1", 0))
    server = threading.Thread(target=serve, args=(listener,))
    server.start()
    address = listener.getsockname()
    for kind in "abcdefgh":
        with socket.create_connection(address, timeout=None if kind < "d" else 20) as connection:
            connection.sendall(kind.encode())
            ways(connection)[kind]()
            connection.shutdown(socket.SHUT_WR)
            with connection.makefile() as answer:
                print(kind, answer.read(), end="")
    # A copy, a number without an object, an object from a number.
    first = socket.create_connection(address)
    second = first.dup()
    first.close()
    third = socket.socket(fileno=second.detach())
    third.sendall(b"a12345")
    third.shutdown(socket.SHUT_WR)
    print("copy", third.recv(100).decode(), end="")
    print("end", third.recv(100))
    third.close()
    with socket.create_connection(address) as connection:
        connection.sendall(b"q")
        connection.recv(1)
    server.join()
    listener.close()


main()
