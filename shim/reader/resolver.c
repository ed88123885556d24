#include "reader/resolver.h"

#include <dlfcn.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reader/complain.h"
#include "reader/reader.h"
#include "reader/regular.h"

#ifdef __SANITIZE_ADDRESS__
#define IS_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED
#endif
#endif

enum {
	MOST_FILE_BYTES = 1 << 30, /* the debug data of a browser is less than that */
	MOST_MEMORY_MIB = 2048,    /* the files included, which are mapped */
	MOST_SECONDS = 20,
	MOST_CHILDREN = 2,
	ANSWER_MS = 60000, /* a file system that does not answer takes no processor time */
	MOST_FILES = 4096,
	MOST_OPENED = 16, /* files with debug data, for one question */
};

/* --- Messages between the two. --- */

struct question {
	uint32_t number;
	uint32_t is_first; /* of this file: it comes with the message */
	uint64_t offset;
	char path[PATH_MAX];
};

struct reply {
	uint32_t is_open; /* the child wants this file, which comes with the next message */
	uint32_t padding;
	union {
		struct resolved resolved;
		char path[PATH_MAX];
	};
};

static bool send_message(int to, const void *bytes, size_t size, int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
	struct cmsghdr *header = (struct cmsghdr *)control;
	struct iovec part = {(void *)(uintptr_t)bytes, size};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t sent;

	if (fd >= 0) {
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(header), &fd, sizeof(fd));
		message.msg_control = control;
		message.msg_controllen = sizeof(control);
	}
	do
		sent = sendmsg(to, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent == (ssize_t)size;
}

/* fd: NULL where none is expected; -1 if none came. */
static bool receive_message(int from, void *bytes, size_t size, int *fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec part = {bytes, size};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	struct cmsghdr *header;
	ssize_t got;

	if (fd) {
		*fd = -1;
		message.msg_control = control;
		message.msg_controllen = sizeof(control);
	}
	do
		got = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	header = fd && got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(header), sizeof(*fd));
	return got == (ssize_t)size;
}

/* --- The child: libdw. --- */

/* Files are reported at this address, as 0 is none to libdwfl; but one that is not relocatable
 * stays at its own. */
static const GElf_Addr base = UINT64_C(1) << 32;

struct loaded {
	Dwfl *dwfl;
	Dwfl_Module *module;
	char *path;
};

static int socket_to_parent;
static char *(*demangle)(const char *name, char *buffer, size_t *size, int *status);

static void copy_text(char *to, size_t capacity, const char *text)
{
	size_t size = strnlen(text, capacity - 1);

	memcpy(to, text, size);
	to[size] = '\0';
}

/* Asks the parent to open a file. Returns its descriptor, or -1. */
static int ask_for(const char *path)
{
	struct reply wanted = {.is_open = 1};
	char is_there = 0;
	int fd;

	copy_text(wanted.path, sizeof(wanted.path), path);
	if (!send_message(socket_to_parent, &wanted, sizeof(wanted), -1) ||
	    !receive_message(socket_to_parent, &is_there, 1, &fd))
		_exit(1);
	return fd;
}

/* Computes the checksum that stands beside the name of a file with debug data. */
static GElf_Word checksum(int fd)
{
	static uint32_t table[256];
	unsigned char bytes[16384];
	uint32_t sum = UINT32_MAX;
	off_t offset = 0;
	ssize_t got;

	for (uint32_t i = 0; i < 256 && table[255] == 0; i++) {
		table[i] = i;
		for (unsigned bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320 : 0);
	}
	while ((got = pread(fd, bytes, sizeof(bytes), offset)) > 0) {
		for (ssize_t i = 0; i < got; i++)
			sum = sum >> 8 ^ table[(sum ^ bytes[i]) & 0xff];
		offset += got;
	}
	return ~sum;
}

static int find_by_build_id(Dwfl_Module *module, char path[PATH_MAX])
{
	const unsigned char *bits;
	GElf_Addr where;
	int count = dwfl_module_build_id(module, &bits, &where);
	size_t at;

	if (count < 2 || count > 64)
		return -1;
	at = (size_t)sprintf(path, "/usr/lib/debug/.build-id/%02x/", bits[0]);
	for (int i = 1; i < count; i++)
		at += (size_t)sprintf(path + at, "%02x", bits[i]);
	strcpy(path + at, ".debug");
	return ask_for(path);
}

static int find_by_link(const char *file, const char *link, GElf_Word sum, char path[PATH_MAX])
{
	static const char *const places[] = {"%.*s/%s", "%.*s/.debug/%s", "/usr/lib/debug%.*s/%s"};
	const char *slash = strrchr(file, '/');
	int folder_size = slash ? (int)(slash - file) : 0;

	for (unsigned i = 0; slash && !strchr(link, '/') && i < 3; i++) {
		int size = snprintf(path, PATH_MAX, places[i], folder_size, file, link), fd;

		fd = size < PATH_MAX ? ask_for(path) : -1;
		if (fd >= 0 && checksum(fd) == sum)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -1;
}

/* A Dwfl_Callbacks::find_debuginfo: libdwfl's own opens what the file names. Without a checksum,
 * link names the part that several files share. */
static int find_debuginfo(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr start,
			  const char *file, const char *link, GElf_Word sum, char **found)
{
	char path[PATH_MAX];
	const char *shared = link && sum == 0 ? strstr(link, "/.dwz/") : NULL;
	int fd = -1;

	(void)data;
	(void)name;
	(void)start;
	if (shared) {
		if (snprintf(path, sizeof(path), "/usr/lib/debug%s", shared) < PATH_MAX)
			fd = ask_for(path);
	} else {
		fd = find_by_build_id(module, path);
		if (fd < 0 && link && sum != 0 && file)
			fd = find_by_link(file, link, sum, path);
	}
	if (fd >= 0)
		*found = strdup(path);
	return fd;
}

/* Takes the file's descriptor. */
static void load(struct loaded *to, const char *path, int fd)
{
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_build_id_find_elf,
		.find_debuginfo = find_debuginfo,
	};

	to->path = strdup(path);
	to->dwfl = dwfl_begin(&callbacks);
	if (!to->dwfl || !to->path)
		return;
	dwfl_report_begin(to->dwfl);
	to->module = dwfl_report_elf(to->dwfl, to->path, to->path, fd, base, true);
	dwfl_report_end(to->dwfl, NULL, NULL);
}

/* Turns an offset in the file into an address, by the segment with code that it is in. */
static bool find_address(Elf *elf, uint64_t offset, uint64_t *address)
{
	size_t count;

	if (!elf || elf_getphdrnum(elf, &count) != 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr segment;

		if (!gelf_getphdr(elf, (int)i, &segment) || segment.p_type != PT_LOAD ||
		    !(segment.p_flags & PF_X) || offset < segment.p_offset ||
		    offset - segment.p_offset >= segment.p_filesz)
			continue;
		*address = offset - segment.p_offset + segment.p_vaddr;
		return true;
	}
	return false;
}

/* Appends what a C++ name stands for in the source. */
static void copy_name(char *to, const char *name)
{
	int status = -1;
	char *readable = demangle && strncmp(name, "_Z", 2) == 0
				 ? demangle(name, NULL, NULL, &status)
				 : NULL;

	copy_text(to, RESOLVER_NAME_BYTES, status == 0 ? readable : name);
	free(readable);
}

static void find_source(Dwfl_Module *module, uint64_t address, struct resolved *to)
{
	Dwfl_Line *line = dwfl_module_getsrc(module, address);
	const char *file, *slash;
	int number = 0;

	file = line ? dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL) : NULL;
	if (!file || number <= 0)
		return;
	slash = strrchr(file, '/');
	copy_text(to->source, sizeof(to->source), slash ? slash + 1 : file);
	to->line = (uint32_t)number;
}

static void resolve(const struct loaded *loaded, uint64_t offset, struct resolved *to)
{
	GElf_Addr bias = 0;
	GElf_Off in_function = 0;
	GElf_Sym symbol;
	const char *name;

	to->address = offset;
	if (!loaded->module ||
	    !find_address(dwfl_module_getelf(loaded->module, &bias), offset, &to->address))
		return;
	name = dwfl_module_addrinfo(loaded->module, bias + to->address, &in_function, &symbol, NULL,
				    NULL, NULL);
	if (name)
		copy_name(to->name, name);
	to->offset = in_function;
	find_source(loaded->module, bias + to->address, to);
}

static void limit(__rlimit_resource_t resource, rlim_t most)
{
	const struct rlimit limits = {most, most};

	setrlimit(resource, &limits);
}

/* Bounds what is mapped and allocated, beyond what the parent had already, which the child has too.
 * The sanitizers map terabytes. */
static void limit_memory(void)
{
#ifndef IS_SANITIZED
	char line[64] = "";
	FILE *own = fopen("/proc/self/statm", "re");
	unsigned long pages = own && fgets(line, sizeof(line), own) ? strtoul(line, NULL, 10) : 0;

	if (own)
		fclose(own);
	limit(RLIMIT_AS,
	      (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + ((rlim_t)MOST_MEMORY_MIB << 20));
#endif
}

/* From here on the process opens nothing and runs nothing: a file with debug data can name others
 * (.dwo files, for one), which libdw would open. */
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

/* Nothing that libdw says about its own end gets out. */
static void become_quiet(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd < 3; fd++)
		dup2(null, fd);
	signal(SIGINT, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static _Noreturn void serve(int parent)
{
	static struct loaded loaded[MOST_FILES];
	static struct question question;
	void *library = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_LOCAL);
	int fd;

	/* Where the command has no standard error, the socket has its number. */
	parent = socket_to_parent = fcntl(parent, F_DUPFD_CLOEXEC, 3);
	if (library)
		demangle = (__typeof__(demangle))dlsym(library, "__cxa_demangle");
	elf_version(EV_CURRENT);
	become_quiet();
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_CPU, MOST_SECONDS);
	limit_memory();
	if (!forbid())
		_exit(1);
	while (receive_message(parent, &question, sizeof(question), &fd)) {
		struct reply reply = {0};

		if (question.is_first)
			load(&loaded[question.number], question.path, fd);
		resolve(&loaded[question.number], question.offset, &reply.resolved);
		if (!send_message(parent, &reply, sizeof(reply), -1))
			break;
	}
	_exit(0);
}

/* --- The parent. --- */

static struct {
	pid_t pid; /* 0: there is none */
	int fd;
	unsigned children; /* that were started */
	uint32_t files;    /* that have numbers */
} child;

static bool start(void)
{
	int ends[2];

	if (child.pid != 0)
		return true;
	if (child.children >= MOST_CHILDREN ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return false;
	fflush(NULL); /* libdw may call exit, in a process that has the same buffers */
	child.pid = fork();
	if (child.pid == 0) {
		close(ends[0]);
		serve(ends[1]);
	}
	close(ends[1]);
	child.fd = ends[0];
	if (child.pid < 0) {
		close(child.fd);
		child.pid = 0;
		return false;
	}
	child.children++;
	return true;
}

void resolver_end(void)
{
	if (child.pid == 0)
		return;
	close(child.fd);
	kill(child.pid, SIGKILL);
	while (waitpid(child.pid, NULL, 0) < 0 && errno == EINTR)
		;
	child.pid = 0;
}

static bool is_answered(void)
{
	struct pollfd wait = {.fd = child.fd, .events = POLLIN};
	int ready;

	do
		ready = poll(&wait, 1, ANSWER_MS);
	while (ready < 0 && errno == EINTR);
	return ready > 0;
}

static bool open_for_child(char path[PATH_MAX])
{
	bool is_sent;
	int fd;

	path[PATH_MAX - 1] = '\0';
	fd = regular_open(path, MOST_FILE_BYTES);
	is_sent = send_message(child.fd, "", 1, fd);
	if (fd >= 0)
		close(fd);
	return is_sent;
}

/* False: the child has ended, or is no good. */
static bool wait_for_answer(struct resolved *to)
{
	struct reply reply;

	for (unsigned opened = 0; opened <= MOST_OPENED; opened++) {
		if (!is_answered() || !receive_message(child.fd, &reply, sizeof(reply), NULL))
			return false;
		if (!reply.is_open) {
			*to = reply.resolved;
			to->name[sizeof(to->name) - 1] = '\0';
			to->source[sizeof(to->source) - 1] = '\0';
			return true;
		}
		if (!open_for_child(reply.path))
			return false;
	}
	return false;
}

/* Sends the question, with the file if the child does not have it. */
static bool ask(struct resolver_file *file, uint64_t offset)
{
	static struct question question;
	bool is_first = file->child != child.children, is_sent;
	int fd = -1;

	question.number = file->number;
	question.is_first = is_first;
	question.offset = offset;
	copy_text(question.path, sizeof(question.path), file->path);
	if (is_first) {
		fd = regular_open(file->path, MOST_FILE_BYTES);
		file->is_given_up = fd < 0;
		if (fd < 0)
			return true;
	}
	is_sent = send_message(child.fd, &question, sizeof(question), fd);
	if (fd >= 0)
		close(fd);
	file->child = child.children;
	return is_sent;
}

/* Gives the file a number, if it is one that may be opened at all: most are never asked about. */
static bool admit(struct resolver_file *file)
{
	int fd;

	if (file->number != 0)
		return true;
	fd = child.files + 1 < MOST_FILES ? regular_open(file->path, MOST_FILE_BYTES) : -1;
	if (fd < 0)
		return false;
	close(fd);
	file->number = ++child.files;
	return true;
}

bool resolver_ask(struct resolver_file *file, uint64_t offset, struct resolved *to)
{
	if (file->is_given_up || !admit(file) || !start()) {
		file->is_given_up = true;
		return false;
	}
	if (ask(file, offset) && (file->is_given_up || wait_for_answer(to)))
		return !file->is_given_up;
	resolver_end();
	file->is_given_up = true;
	complain("the functions of %s are not named: its debug data makes no sense, or takes more "
		 "than %d s or %d MiB%s",
		 file->path, MOST_SECONDS, MOST_MEMORY_MIB,
		 child.children < MOST_CHILDREN ? "" : "; no more are named in this report");
	return false;
}
