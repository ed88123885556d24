"""subprocess_storm CHILD SECONDS: 200 children a second while 8 threads talk, each on a connection of its own.

Hazard: vfork (I6).  subprocess starts its children by vfork, and closes in them everything from 3 on: the parent's
descriptors would be forgotten, and a child's calls shown as the parent's.  Every connection moves a number of bytes of
its own, and its ends must report exactly these.
Prints "moved BYTES" for each connection, and "child PID SIZE" for each child, which writes once, SIZE bytes.
"""

import socket
import subprocess
import sys
import threading
import time

THREADS, CHILDREN_PER_S = 8, 200
is_over = threading.Event()
problems = []
lines = []


def talk(listener, number):
    try:
        size = 100 + number
        while not is_over.is_set():
            client = socket.create_connection(listener.getsockname())
            server, _ = listener.accept()
            moved = 0
            for _ in range(20):
                client.sendall(b"t" * size)
                left = size
                while left > 0:
                    left -= len(server.recv(left))
                moved += size
                time.sleep(0.001)
            client.close()
            server.close()
            lines.append(f"moved {moved}")
    except Exception as problem:
        problems.append(problem)


def main():
    command, seconds = sys.argv[1], float(sys.argv[2])
    # A listener for each, so that each accepts its own.
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(THREADS)]
    threads = [threading.Thread(target=talk, args=(listeners[i], i)) for i in range(THREADS)]
    for thread in threads:
        thread.start()
    start = time.monotonic()
    running, count = [], 0
    while time.monotonic() < start + seconds and not problems:
        size = 1000 + count
        child = subprocess.Popen([command, str(size)], stdout=subprocess.DEVNULL)
        running.append(child)
        lines.append(f"child {child.pid} {size}")
        count += 1
        while len(running) > 20:
            if running.pop(0).wait() != 0:
                problems.append("a child failed")
        time.sleep(max(0, start + count / CHILDREN_PER_S - time.monotonic()))
    for child in running:
        if child.wait() != 0:
            problems.append("a child failed")
    is_over.set()
    for thread in threads:
        thread.join(10)
        if thread.is_alive():
            problems.append("a thread hangs")
    print(*lines, sep="\n")
    print(f"{count} children in {time.monotonic() - start:.1f} s", file=sys.stderr)
    print(*problems, sep="\n", end="", file=sys.stderr)
    sys.exit(1 if problems else 0)


main()
