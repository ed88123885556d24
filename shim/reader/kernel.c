#include "reader/kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reader/complain.h"

enum { DUMP_BYTES = 32768 }; /* as much as the kernel sends at once */

/* idiag_timer: keepalive, or the end of FIN_WAIT_2 (get_tcp4_sock() of the kernel). */
enum { TIMER_KEEPALIVE = 2 };

/* Converts an address. IPv4 addresses mapped to IPv6 become IPv4, as everywhere in tcpshim. */
static struct tcpshim_address read_address(unsigned family, const uint32_t words[4], uint16_t port)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct tcpshim_address address = {.family = (uint16_t)family, .port = ntohs(port)};

	if (family == AF_INET) {
		memcpy(address.bytes, words, 4);
	} else if (memcmp(words, mapped, sizeof(mapped)) == 0) {
		address.family = AF_INET;
		memcpy(address.bytes, (const uint8_t *)words + 12, 4);
	} else {
		memcpy(address.bytes, words, 16);
	}
	return address;
}

static int take_attribute(const struct nlattr *attribute, void *data)
{
	struct kernel_socket *to = data;
	const size_t send_at = offsetof(struct tcp_info, tcpi_snd_wnd);
	const uint8_t *info = mnl_attr_get_payload(attribute);
	size_t size = mnl_attr_get_payload_len(attribute);
	struct tcp_info known = {0};

	if (mnl_attr_get_type(attribute) != INET_DIAG_INFO)
		return MNL_CB_OK;
	memcpy(&known, info, size < sizeof(known) ? size : sizeof(known));
	to->rtt_us = known.tcpi_rtt;
	to->retransmits_total = known.tcpi_total_retrans;
	to->receive_window_bytes = known.tcpi_rcv_space;
	if (size >= send_at + sizeof(uint32_t))
		to->send_window_bytes = known.tcpi_snd_wnd;
	/* tcpi_rcv_wnd follows it, since Linux 6.2. */
	if (size >= send_at + 2 * sizeof(uint32_t))
		memcpy(&to->receive_window_bytes, info + send_at + sizeof(uint32_t),
		       sizeof(uint32_t));
	return MNL_CB_OK;
}

static int take_message(const struct nlmsghdr *header, void *data)
{
	const struct inet_diag_msg *message = mnl_nlmsg_get_payload(header);
	struct kernel_table *table = data;
	struct kernel_socket *to;

	if (mnl_nlmsg_get_payload_len(header) < sizeof(*message))
		return MNL_CB_OK;
	if (table->count == table->capacity) {
		table->capacity = 2 * table->capacity + 64;
		table->sockets =
			reallocate(table->sockets, table->capacity * sizeof(table->sockets[0]));
	}
	to = &table->sockets[table->count++];
	*to = (struct kernel_socket){
		.local = read_address(message->idiag_family, message->id.idiag_src,
				      message->id.idiag_sport),
		.peer = read_address(message->idiag_family, message->id.idiag_dst,
				     message->id.idiag_dport),
		.state = message->idiag_state,
		.has_keepalive = message->idiag_timer == TIMER_KEEPALIVE,
		.send_queue_bytes = message->idiag_wqueue,
		.receive_queue_bytes = message->idiag_rqueue,
	};
	mnl_attr_parse(header, sizeof(*message), take_attribute, to);
	return MNL_CB_OK;
}

/* Adds all sockets of an address family to the table. */
static bool dump(struct mnl_socket *socket, unsigned family, struct kernel_table *table)
{
	char buffer[DUMP_BYTES];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *request;
	ssize_t size;
	int result = MNL_CB_OK;

	header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request = mnl_nlmsg_put_extra_header(header, sizeof(*request));
	*request = (struct inet_diag_req_v2){
		.sdiag_family = (uint8_t)family,
		.sdiag_protocol = IPPROTO_TCP,
		.idiag_ext = 1 << (INET_DIAG_INFO - 1),
		.idiag_states = UINT32_MAX,
	};
	if (mnl_socket_sendto(socket, header, header->nlmsg_len) < 0)
		return false;
	while (result == MNL_CB_OK) {
		size = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
		if (size < 0)
			return false;
		result = mnl_cb_run(buffer, (size_t)size, 0, mnl_socket_get_portid(socket),
				    take_message, table);
	}
	return result == MNL_CB_STOP;
}

static bool is_same_namespace(const char *theirs)
{
	struct stat a, b;

	return stat(theirs, &a) == 0 && stat("/proc/self/ns/net", &b) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Opens a netlink socket in the network namespace of a process. It belongs to the namespace in
 * which it is opened, so the command enters that namespace and returns. */
static struct mnl_socket *open_in_namespace_of(int pid)
{
	struct mnl_socket *made = NULL;
	char path[32];
	int own, theirs;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	if (is_same_namespace(path))
		return mnl_socket_open(NETLINK_SOCK_DIAG);
	own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	theirs = open(path, O_RDONLY | O_CLOEXEC);
	if (own >= 0 && theirs >= 0 && setns(theirs, CLONE_NEWNET) == 0) {
		made = mnl_socket_open(NETLINK_SOCK_DIAG);
		if (setns(own, CLONE_NEWNET) < 0) {
			complain("cannot return to the network namespace of tcpshim: %s",
				 strerror(errno));
			exit(EXIT_OWN_FAILURE);
		}
	}
	if (own >= 0)
		close(own);
	if (theirs >= 0)
		close(theirs);
	return made;
}

bool kernel_read(struct kernel_table *table, int pid)
{
	struct mnl_socket *socket = open_in_namespace_of(pid);
	bool is_read;

	table->count = 0;
	if (!socket)
		return false;
	is_read = mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0 &&
		  dump(socket, AF_INET, table) && dump(socket, AF_INET6, table);
	mnl_socket_close(socket);
	return is_read;
}

static bool is_same(const struct tcpshim_address *a, const struct tcpshim_address *b)
{
	return a->family == b->family && a->port == b->port &&
	       memcmp(a->bytes, b->bytes, a->family == AF_INET ? 4 : 16) == 0;
}

const struct kernel_socket *kernel_find(const struct kernel_table *table,
					const struct tcpshim_address *local,
					const struct tcpshim_address *peer)
{
	for (size_t i = 0; i < table->count; i++)
		if (is_same(&table->sockets[i].local, local) &&
		    (peer->family == 0 ? table->sockets[i].state == STATE_LISTEN
				       : is_same(&table->sockets[i].peer, peer)))
			return &table->sockets[i];
	return NULL;
}

void kernel_free(struct kernel_table *table)
{
	free(table->sockets);
}
