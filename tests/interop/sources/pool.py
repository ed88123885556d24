"""Processes that share a listening socket, that are handed connections, and that talk over multiprocessing's own."""
import multiprocessing
import socket
from multiprocessing.connection import Client, Listener
from multiprocessing.reduction import recv_handle, send_handle

fork = multiprocessing.get_context("fork")


def accept_some(listener, count):
    """Each of several processes takes connections from the one socket."""
    for _ in range(count):
        connection, _ = listener.accept()
        with connection:
            connection.sendall(connection.recv(100).upper())
    listener.close()


def take_over(pipe):
    connection = socket.socket(fileno=recv_handle(pipe))
    connection.sendall(b"handed over: " + connection.recv(100))
    connection.close()


def talk(address):
    with Client(address, authkey=b"key") as connection:
        for n in range(20):
            connection.send({"number": n, "text": "x" * n})
            assert connection.recv() == n * n
        connection.send(None)


def ask(address, text):
    with socket.create_connection(address) as connection:
        connection.sendall(text)
        return connection.recv(100)


def main():
    listener = socket.create_server(("127.0.0.1", 0))
    workers = [fork.Process(target=accept_some, args=(listener, 2)) for _ in range(3)]
    for worker in workers:
        worker.start()
    print([ask(listener.getsockname(), b"to any of them %d" % n) for n in range(6)])
    for worker in workers:
        worker.join()

    ours, theirs = fork.Pipe()
    worker = fork.Process(target=take_over, args=(theirs,))
    worker.start()
    client = socket.create_connection(listener.getsockname())
    connection, _ = listener.accept()
    send_handle(ours, connection.fileno(), worker.pid)
    connection.close()
    client.sendall(b"hello")
    print(client.recv(100))
    worker.join()
    client.close()
    listener.close()

    with Listener(("127.0.0.1", 0), authkey=b"key") as server:
        worker = fork.Process(target=talk, args=(server.address,))
        worker.start()
        with server.accept() as connection:
            while (message := connection.recv()) is not None:
                connection.send(message["number"] ** 2)
        worker.join()
        print(worker.exitcode)


main()
