/*
 * sigpipe: a write to a broken connection has the same effect on signals as in the bare run.
 *
 * Hazard: SIGPIPE (I8).  The library blocks it until the line that explains it is written.  After
 * the write, inside the handler and after a jump out of it the mask must be the program's own.  A
 * handler must run once per write, and find the errno from before it.  A signal that the program
 * itself has blocked must stay pending, for its own sigtimedwait.  All results are printed, and the
 * runner compares them with the bare run's.
 */
#include "hostile.h"

#include <setjmp.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

static sigjmp_buf back;
static bool is_asking_errno;
static volatile sig_atomic_t handled;
static int broken[2];
static int healthy[2];

static void tell_mask(const char *where, const sigset_t *mask)
{
	char numbers[256] = "";
	size_t used = 0;

	for (int number = 1; number < NSIG; number++)
		if (sigismember(mask, number) == 1)
			used += (size_t)snprintf(numbers + used, sizeof(numbers) - used, " %d",
						 number);
	dprintf(STDOUT_FILENO, "%s: blocked%s\n", where, numbers);
}

static void tell_state(const char *where)
{
	sigset_t mask;
	sigset_t pending;

	CHECK(pthread_sigmask(SIG_BLOCK, NULL, &mask) == 0);
	CHECK(sigpending(&pending) == 0);
	tell_mask(where, &mask);
	dprintf(STDOUT_FILENO, "%s: %d handled, SIGPIPE %s\n", where, (int)handled,
		sigismember(&pending, SIGPIPE) ? "pending" : "not pending");
}

/* Writes itself, and sets errno. */
static void on_pipe(int number, siginfo_t *info, void *context)
{
	int error = errno;
	sigset_t now;

	handled++;
	dprintf(STDOUT_FILENO, "handler: signal %d, code %d, from %s, errno %d\n", number,
		info->si_code, info->si_pid == getpid() ? "itself" : "another",
		is_asking_errno ? error : 0);
	CHECK(pthread_sigmask(SIG_BLOCK, NULL, &now) == 0);
	tell_mask("in the handler", &now);
	tell_mask("where it struck", &((ucontext_t *)context)->uc_sigmask);
	CHECK(write(healthy[0], "from the handler", 16) == 16);
	errno = 4712;
}

static void on_pipe_jump(int number)
{
	(void)number;
	handled++;
	siglongjmp(back, 1);
}

static ssize_t by_write(void)
{
	return write(broken[0], "x", 1);
}

static ssize_t by_writev(void)
{
	struct iovec vector = {"x", 1};

	return writev(broken[0], &vector, 1);
}

static ssize_t by_send(void)
{
	return send(broken[0], "x", 1, 0);
}

static ssize_t by_send_silently(void)
{
	return send(broken[0], "x", 1, MSG_NOSIGNAL);
}

static ssize_t by_sendmsg(void)
{
	struct iovec vector = {"x", 1};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};

	return sendmsg(broken[0], &message, 0);
}

static ssize_t by_sendmmsg(void)
{
	struct iovec vector = {"x", 1};
	struct mmsghdr message = {.msg_hdr = {.msg_iov = &vector, .msg_iovlen = 1}};

	return sendmmsg(broken[0], &message, 1, 0);
}

static ssize_t by_sendfile(void)
{
	int file = open("/proc/self/exe", O_RDONLY);
	ssize_t sent = sendfile(broken[0], file, NULL, 10);
	int error = errno;

	close(file);
	errno = error;
	return sent;
}

static const struct {
	const char *name;
	ssize_t (*call)(void);
} writers[] = {
	{"write", by_write},
	{"writev", by_writev},
	{"send", by_send},
	{"sendmsg", by_sendmsg},
	{"sendmmsg", by_sendmmsg},
	{"sendfile", by_sendfile},
	{"MSG_NOSIGNAL", by_send_silently},
};

static void write_all_ways(const char *how)
{
	for (size_t i = 0; i < COUNT_OF(writers); i++) {
		errno = 4711;
		ssize_t sent = writers[i].call();
		int error = errno;

		CHECK(sent == -1);
		dprintf(STDOUT_FILENO, "%s, %s: %s\n", how, writers[i].name,
			strerrorname_np(error));
		tell_state(how);
	}
}

static void break_by_shutdown(void)
{
	tcp_pair(broken);
	CHECK(shutdown(broken[0], SHUT_WR) == 0);
}

/* Breaks the connection from the peer's side: its reset answers the first write. */
static void break_by_peer(void)
{
	char byte;

	tcp_pair(broken);
	CHECK(close(broken[1]) == 0);
	sleep_ms(20);
	CHECK(read(broken[0], &byte, 1) == 0);
	CHECK(write(broken[0], "x", 1) == 1);
	sleep_ms(20);
}

static void with_handler(const char *how)
{
	struct sigaction action = {.sa_sigaction = on_pipe, .sa_flags = SA_SIGINFO};
	sigset_t others;

	CHECK(sigaction(SIGPIPE, &action, NULL) == 0);
	write_all_ways(how);
	/* With a mask that is not empty. */
	sigemptyset(&others);
	sigaddset(&others, SIGUSR1);
	sigaddset(&others, SIGRTMIN + 3);
	CHECK(pthread_sigmask(SIG_BLOCK, &others, NULL) == 0);
	write_all_ways(how);
	CHECK(pthread_sigmask(SIG_UNBLOCK, &others, NULL) == 0);
}

static void with_jump(const char *how)
{
	handler_set(SIGPIPE, on_pipe_jump, SA_NODEFER);
	for (volatile size_t i = 0; i < COUNT_OF(writers); i++) {
		/* The mask is not saved. */
		if (sigsetjmp(back, 0) == 0)
			writers[i].call();
		tell_state(how);
	}
}

static void blocked(const char *how)
{
	struct timespec none = {0};
	siginfo_t info;
	sigset_t pipe_only;

	handler_set(SIGPIPE, on_pipe_jump, 0);
	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	CHECK(pthread_sigmask(SIG_BLOCK, &pipe_only, NULL) == 0);
	for (size_t i = 0; i < COUNT_OF(writers); i++) {
		writers[i].call();
		tell_state(how);
		int got = sigtimedwait(&pipe_only, &info, &none);
		dprintf(STDOUT_FILENO, "%s, %s: sigtimedwait %d\n", how, writers[i].name, got);
		tell_state(how);
	}
	CHECK(pthread_sigmask(SIG_UNBLOCK, &pipe_only, NULL) == 0);
}

static void ignored(const char *how)
{
	handler_set(SIGPIPE, SIG_IGN, 0);
	write_all_ways(how);
}

/* Checks that the line that explains the end is in the trace before the end. */
static void killed(const char *how)
{
	handler_set(SIGPIPE, SIG_DFL, 0);
	for (size_t i = 0; i + 1 < COUNT_OF(writers); i++) {
		pid_t pid = fork();
		int status;

		CHECK(pid >= 0);
		if (pid == 0) {
			writers[i].call();
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid);
		dprintf(STDOUT_FILENO, "%s, %s: %s %d\n", how, writers[i].name,
			WIFSIGNALED(status) ? "signal" : "exit", WTERMSIG(status));
		expect_of(pid, "=", 1, "^%s\\(.*Err#32 EPIPE$", writers[i].name);
		expect_of(pid, "=", 1, "\\[broken-pipe-[a-z-]+\\]$");
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*breaks)(void);
	} ways[] = {{"own shutdown", break_by_shutdown}, {"peer gone", break_by_peer}};

	deadline_set(30);
	is_asking_errno = argc == 2 && strcmp(argv[1], "errno") == 0;
	tcp_pair(healthy);
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		ways[i].breaks();
		dprintf(STDOUT_FILENO, "%s\n", ways[i].name);
		with_handler("handled");
		with_jump("jumped");
		blocked("blocked");
		ignored("ignored");
		killed("killed");
	}
	expect(">=", 1, "\\[broken-pipe-own-shutdown\\]$");
	four_marks(healthy[0], 501);
	return 0;
}
