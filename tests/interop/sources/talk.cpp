// C++: sockets, threads, iostreams on a socket, and C's streams on one.
#include <arpa/inet.h>
#include <cstdio>
#include <ext/stdio_filebuf.h>
#include <iostream>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

static void serve(int listener)
{
	for (int round = 0; round < 4; round++) {
		int connection = accept(listener, nullptr, nullptr);
		__gnu_cxx::stdio_filebuf<char> in(connection, std::ios::in);
		__gnu_cxx::stdio_filebuf<char> out(dup(connection), std::ios::out);
		std::istream reader(&in);
		std::ostream writer(&out);
		for (std::string line; std::getline(reader, line);)
			writer << "heard " << line << std::endl;
	}
	close(listener);
}

int main()
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sockaddr_in address = {};
	socklen_t length = sizeof address;
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, reinterpret_cast<sockaddr *>(&address), length) || listen(listener, 5) ||
	    getsockname(listener, reinterpret_cast<sockaddr *>(&address), &length)) {
		perror("listen");
		return 1;
	}
	std::thread server(serve, listener);
	for (int round = 0; round < 3; round++) {
		int client = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(client, reinterpret_cast<sockaddr *>(&address), length)) {
			perror("connect");
			return 1;
		}
		__gnu_cxx::stdio_filebuf<char> both(client, std::ios::in | std::ios::out);
		std::iostream stream(&both);
		for (int n = 0; n < 10; n++) {
			std::string answer;
			stream << round << ' ' << n << std::endl;
			std::getline(stream, answer);
			std::cout << answer << '\n';
		}
		shutdown(client, SHUT_WR);
		char rest;
		std::cout << recv(client, &rest, 1, 0) << '\n';
	}
	int client = socket(AF_INET, SOCK_STREAM, 0);
	FILE *stream = fdopen(client, "r+");
	if (connect(client, reinterpret_cast<sockaddr *>(&address), length)) {
		perror("connect");
		return 1;
	}
	for (int n = 0; n < 3; n++) {
		char answer[100];
		fprintf(stream, "stdio %d\n", n);
		fflush(stream);
		std::cout << fgets(answer, sizeof answer, stream);
	}
	stream = freopen("/dev/null", "r", stream);
	fclose(stream);
	server.join();
	return 8;
}
