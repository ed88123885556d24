"""cache.py PORT: a conversation with memcached over three connections."""
import socket
import sys

address = "127.0.0.1", int(sys.argv[1])
files = [socket.create_connection(address, timeout=20).makefile("rwb") for _ in range(3)]
for number, file in enumerate(files):
    file.write(b"set key%d 0 0 %d\r\n%s\r\n" % (number, number * 1000, b"x" * number * 1000))
    file.flush()
    print(file.readline())
for file in files:
    file.write(b"get key0 key1 key2\r\n")
    file.flush()
    lines = [file.readline() for _ in range(7)]
    print([len(line) for line in lines])
    file.write(b"incr key1 1\r\nnonsense\r\nquit\r\n")
    file.flush()
    print(file.read())
    file.close()
