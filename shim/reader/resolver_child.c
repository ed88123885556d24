#include "reader/resolver_child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "reader/debug_file.h"
#include "reader/resolver_message.h"
#include "tcpshim/linux.h"

#ifdef __SANITIZE_ADDRESS__
#define IS_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED
#endif
#endif

static int socket_to_parent;

static void limit(__rlimit_resource_t resource, rlim_t most)
{
	const struct rlimit limits = {most, most};

	setrlimit(resource, &limits);
}

/* Limits the memory that the child maps and allocates in addition to what it has of its parent.
 * Under a sanitizer, which maps terabytes, there is no limit. */
static void limit_memory(void)
{
#ifndef IS_SANITIZED
	char line[64] = "";
	FILE *own = fopen("/proc/self/statm", "re");
	unsigned long pages = own && fgets(line, sizeof(line), own) ? strtoul(line, NULL, 10) : 0;

	if (own)
		fclose(own);
	limit(RLIMIT_AS,
	      (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + ((rlim_t)RESOLVER_CHILD_MIB << 20));
#endif
}

/* Forbids the process to open files and to start programs, by seccomp: a file with debug data can
 * name others, such as .dwo files, which libdw would open. */
static bool forbid(void)
{
#define REFUSE(number)                                       \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES)
	static struct sock_filter rules[] =
	{ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
#if defined(__x86_64__)
	  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
#else
	  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_AARCH64, 1, 0),
#endif
	  BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#if defined(__x86_64__)
	  /* numbers of x32 */
	  BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
	  BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	  REFUSE(SYS_open),
	  REFUSE(SYS_creat),
	  REFUSE(SYS_fork),
	  REFUSE(SYS_vfork),
#endif
	  REFUSE(SYS_openat),
	  REFUSE(SYS_openat2),
	  REFUSE(SYS_open_by_handle_at),
	  REFUSE(SYS_clone),
	  REFUSE(SYS_clone3),
	  REFUSE(SYS_execve),
	  REFUSE(SYS_execveat),
	  REFUSE(SYS_socket),
	  REFUSE(SYS_kill),
	  REFUSE(SYS_ptrace),
	  BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
#undef REFUSE
	const struct sock_fprog program = {
		.len = sizeof(rules) / sizeof(rules[0]),
		.filter = rules,
	};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* Discards all output of libdw, and ends with the command. */
static void be_silent(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd < 3; fd++)
		dup2(null, fd);
	signal(SIGINT, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* Asks the parent to open a file. Returns its descriptor, or -1. */
static int ask_for(const char *path)
{
	struct resolver_reply wanted = {.is_open = 1};
	char is_there = 0;
	int fd;

	resolved_copy(wanted.path, sizeof(wanted.path), path);
	if (!resolver_message_send(socket_to_parent, &wanted, sizeof(wanted), -1) ||
	    !resolver_message_receive(socket_to_parent, &is_there, 1, &fd))
		_exit(1);
	return fd;
}

_Noreturn void resolver_child_serve(int parent)
{
	static struct debug_file files[RESOLVER_CHILD_FILES];
	static struct resolver_question question;
	int fd;

	/* If the command has no standard error, the socket may have its number. */
	parent = socket_to_parent = fcntl(parent, F_DUPFD_CLOEXEC, 3);
	debug_file_start(ask_for);
	be_silent();
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_CPU, RESOLVER_CHILD_SECONDS);
	limit_memory();
	if (!forbid())
		_exit(1);
	while (resolver_message_receive(parent, &question, sizeof(question), &fd)) {
		struct resolver_reply reply = {0};

		if (question.is_first)
			debug_file_load(&files[question.number], question.path, fd);
		debug_file_resolve(&files[question.number], question.offset, &reply.resolved);
		if (!resolver_message_send(parent, &reply, sizeof(reply), -1))
			break;
	}
	_exit(0);
}
