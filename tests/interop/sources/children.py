"""Children of every kind beside open connections; some are given one."""
import os
import socket
import subprocess
import sys

listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
server, _ = listener.accept()
for n in range(3):
    subprocess.run(["true"], check=True, close_fds=n != 1)
    client.sendall(b"x" * (100 + n))
    assert server.recv(1000, socket.MSG_WAITALL | socket.MSG_DONTWAIT) == b"x" * (100 + n)

# As standard input and output, to a program that knows nothing of sockets.
client.sendall(b"a line for the child\n")
with subprocess.Popen(["head", "-n", "1"], stdin=server, stdout=server) as child:
    print(child.wait(), client.recv(100))

# By its number.
script = "import os, sys; os.write(int(sys.argv[1]), b'from the child')"
print(subprocess.run([sys.executable, "-c", script, str(server.fileno())], pass_fds=[server.fileno()]).returncode)
print(client.recv(100))

# With a function of ours between fork and exec, and by a shell.
print(subprocess.run(["true"], preexec_fn=lambda: os.write(server.fileno(), b"before exec")).returncode)
print(client.recv(100))
print(subprocess.run("exit 3", shell=True).returncode, os.system("exit 4") >> 8)
print(os.waitpid(os.posix_spawn("/bin/true", ["true"], os.environ), 0)[1])
client.close()
print(server.recv(100))
server.close()
listener.close()
