/*
 * seccomp_filter: a child under a filter like sshd's goes on with its connections, and is traced.
 *
 * Hazard: seccomp.  One getsockopt inside a read kills: the child may make the calls on the list
 * and no others.  After the filter is installed the library must get by with the calls on the list,
 * and the lines of the child's own calls must be there.  The third child sets its file size limit
 * to 0, as sshd's does: it cannot be traced, and any line that is written all the same is SIGXFSZ.
 */
#include "hostile.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static const int allowed[] = {
	SYS_read,
	SYS_write,
	SYS_writev,
	SYS_close,
	SYS_mmap,
	SYS_munmap,
	SYS_futex,
#ifdef SYS_poll
	SYS_poll,
#else
	SYS_ppoll,
#endif
	SYS_getpid,
	SYS_gettid,
	SYS_clock_gettime,
	SYS_exit_group,
	SYS_exit,
	SYS_brk,
	/* What this program itself calls. */
	SYS_recvfrom,
	SYS_sendto,
	SYS_shutdown,
	SYS_socket,
	SYS_connect,
#ifdef SYS_accept
	SYS_accept,
#endif
#if defined(__i386__)
	SYS_socketcall,
	SYS_mmap2,
	SYS_clock_gettime64,
#endif
};

static void filter_set(bool by_prctl)
{
	struct sock_filter steps[4 + 2 * COUNT_OF(allowed)];
	unsigned short count = 0;

	steps[count++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						      offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < COUNT_OF(allowed); i++) {
		steps[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							      (unsigned)allowed[i], 0, 1);
		steps[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	steps[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	struct sock_fprog program = {.len = count, .filter = steps};

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	if (by_prctl)
		CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
	else
		CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0);
}

static void *write_later(void *argument)
{
	sleep_ms(1300);
	(void)!write(*(int *)argument, "late", 4);
	return NULL;
}

/* Connections may still be opened: the library must not ask about these either. */
static int open_another(int listener, uint16_t port)
{
	int client = tcp_connect(port), server = accept(listener, NULL, NULL);
	char bytes[16];

	if (server < 0 || write(client, "another", 7) != 7 || read(server, bytes, 16) != 7)
		return 8;
	return close(client) == 0 && close(server) == 0 && close(listener) == 0 ? 0 : 9;
}

enum { BY_PRCTL, BY_SECCOMP, WITHOUT_FILES, WAYS };

static int confined(int ends[2], int way)
{
	struct pollfd waited = {ends[1], POLLIN, 0};
	char bytes[64];
	uint16_t port;
	int listener = tcp_listen(&port);

	if (way == WITHOUT_FILES)
		CHECK(setrlimit(RLIMIT_FSIZE, &(struct rlimit){0, 0}) == 0);
	filter_set(way != BY_SECCOMP);
	/* The wait is split at 1 s, and only poll is on the list. */
	if (poll(&waited, 1, -1) != 1 || read(ends[1], bytes, 4) != 4)
		return 1;
	if (write(ends[0], "confined", 8) != 8)
		return 2;
	if (recv(ends[1], bytes, 8, 0) != 8)
		return 3;
	if (recv(ends[1], bytes, 8, MSG_DONTWAIT) != -1 || errno != EAGAIN)
		return 4;
	if (shutdown(ends[0], SHUT_WR) != 0)
		return 5;
	if (read(ends[1], bytes, 1) != 0)
		return 6;
	if (close(ends[0]) != 0 || close(ends[1]) != 0)
		return 7;
	return open_another(listener, port);
}

int main(void)
{
	pid_t children[WAYS];

	deadline_set(30);
	for (int way = 0; way < WAYS; way++) {
		int ends[2];

		tcp_pair(ends);
		children[way] = fork();
		CHECK(children[way] >= 0);
		if (children[way] == 0)
			exit(confined(ends, way)); /* what runs at exit is restricted too */
		pthread_t writer = thread_start(write_later, &ends[0]);
		thread_join(writer);
		CHECK(close(ends[0]) == 0);
		CHECK(close(ends[1]) == 0);
	}
	for (int way = 0; way < WAYS; way++) {
		pid_t pid = children[way];

		child_succeeds(pid);
		if (way == WITHOUT_FILES)
			continue;
		expect_of(pid, "=", 1, "^poll\\(\\[[0-9]+:POLLIN\\], 1, -1\\)[[:blank:]]+= 1 ");
		expect_of(pid, "=", 1, "^read\\([0-9]+, \" l a t e\", 4\\)[[:blank:]]+= 4$");
		expect_of(pid, "=", 1,
			  "^write\\([0-9]+, \" c o n f i n e d\", 8\\)[[:blank:]]+= 8$");
		expect_of(pid, "=", 1,
			  "^recv\\([0-9]+, \" c o n f i n e d\", 8, 0\\)[[:blank:]]+= 8$");
		expect_of(pid, "=", 1, "^recv\\(.*[[:blank:]]Err#11 EAGAIN$");
		expect_of(pid, "=", 1, "^shutdown\\(.*[[:blank:]]+= 0$");
		expect_of(pid, "=", 1, "^read\\([0-9]+, 0x[0-9A-F]+, 1\\)[[:blank:]]+= 0$");
		expect_of(pid, "=", 1, "^connect\\(.*[[:blank:]]+= 0$");
		expect_of(pid, "=", 1, "^accept\\([0-9]+, 0x0+, 0x0+\\)[[:blank:]]+= [0-9]+$");
		expect_of(pid, "=", 1, "^read\\([0-9]+, \" a n o t h e r\", 16\\)[[:blank:]]+= 7$");
		expect_of(pid, "=", 5, "^close\\([0-9]+\\)[[:blank:]]+= 0$");
	}
	return 0;
}
