#include "conn/conn_option.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

const struct conn_option_row conn_option_rows[CONN_OPTION_COUNT] = {
	[CONN_OPTION_KEEPIDLE] = {IPPROTO_TCP, TCP_KEEPIDLE},
	[CONN_OPTION_KEEPINTVL] = {IPPROTO_TCP, TCP_KEEPINTVL},
	[CONN_OPTION_KEEPCNT] = {IPPROTO_TCP, TCP_KEEPCNT},
	[CONN_OPTION_KEEPALIVE] = {SOL_SOCKET, SO_KEEPALIVE},
	[CONN_OPTION_USER_TIMEOUT] = {IPPROTO_TCP, TCP_USER_TIMEOUT},
};

enum conn_option conn_option_find(int level, int name)
{
	unsigned option = 0;

	while (option < CONN_OPTION_COUNT &&
	       (conn_option_rows[option].level != level || conn_option_rows[option].name != name))
		option++;
	return (enum conn_option)option;
}
