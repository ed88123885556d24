"""symptoms.py PORT SYMPTOM: a server that makes a client's life hard as the README's symptoms say.

idle    answers a request, and closes the connection when it has been idle for 0.3 s
leak    reads the end of each connection, and closes none
hang    answers nothing
early   reads a request, and closes without an answer
slow    reads slowly
stopped reads nothing

symptoms.py PORT request: the client of idle: two requests on one connection, a second apart.
symptoms.py PORT upload: the client of slow: blocking writes.
"""
import socket
import sys
import threading
import time

port, symptom = int(sys.argv[1]), sys.argv[2]
kept = []


def serve(connection):
    kept.append(connection)
    if symptom == "stopped":
        return
    data = connection.recv(4096)
    if symptom == "idle":
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        time.sleep(0.3)
    while data and symptom in ("leak", "slow"):
        time.sleep(0.01 if symptom == "slow" else 0)
        data = connection.recv(1 << 17)
    if symptom in ("idle", "early"):
        connection.close()


def run_server():
    listener = socket.create_server(("127.0.0.1", port))
    while True:
        threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()


def run_client():
    connection = socket.create_connection(("127.0.0.1", port))
    if symptom == "upload":
        for _ in range(100):
            connection.sendall(bytes(100000))
        return
    for _ in range(2):
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(0.1)
        print(connection.recv(4096))
        time.sleep(0.9)


if symptom in ("request", "upload"):
    run_client()
else:
    run_server()
