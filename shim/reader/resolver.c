#include "reader/resolver.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reader/complain.h"
#include "reader/regular.h"
#include "reader/resolver_child.h"
#include "reader/resolver_message.h"

enum {
	MOST_FILE_BYTES = 1 << 30, /* more than the debug data of a browser */
	MOST_CHILDREN = 2,
	ANSWER_MS = 60000, /* waiting for a file system takes no processor time */
	MOST_OPENED = 16,  /* files with debug data, per question */
};

static struct {
	pid_t pid; /* 0: there is none */
	int fd;
	unsigned children; /* how many were started */
	uint32_t files;    /* how many have numbers */
} child;

/* Starts the child if there is none. Returns false if it cannot be started, or has been too often.
 */
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
		resolver_child_serve(ends[1]);
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

/* Waits for the child. Returns false if it does not answer in time. */
static bool is_answered(void)
{
	struct pollfd wait = {.fd = child.fd, .events = POLLIN};
	int ready;

	do
		ready = poll(&wait, 1, ANSWER_MS);
	while (ready < 0 && errno == EINTR);
	return ready > 0;
}

/* Opens a file that the child asks for, and sends it. Returns false if the child has ended. */
static bool open_for_child(char path[PATH_MAX])
{
	bool is_sent;
	int fd;

	path[PATH_MAX - 1] = '\0';
	fd = regular_open(path, MOST_FILE_BYTES);
	is_sent = resolver_message_send(child.fd, "", 1, fd);
	if (fd >= 0)
		close(fd);
	return is_sent;
}

/* Waits for the reply, and opens files meanwhile. Returns false if the child has ended or cannot be
 * used any more. */
static bool wait_for_answer(struct resolved *to)
{
	struct resolver_reply reply;

	for (unsigned opened = 0; opened <= MOST_OPENED; opened++) {
		if (!is_answered() ||
		    !resolver_message_receive(child.fd, &reply, sizeof(reply), NULL))
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

/* Sends the question, with the file if the child does not have it. Returns false if the child has
 * ended. */
static bool ask(struct resolver_file *file, uint64_t offset)
{
	static struct resolver_question question;
	bool is_first = file->child != child.children, is_sent;
	int fd = -1;

	question.number = file->number;
	question.is_first = is_first;
	question.offset = offset;
	resolved_copy(question.path, sizeof(question.path), file->path);
	if (is_first) {
		fd = regular_open(file->path, MOST_FILE_BYTES);
		file->is_given_up = fd < 0;
		if (fd < 0)
			return true;
	}
	is_sent = resolver_message_send(child.fd, &question, sizeof(question), fd);
	if (fd >= 0)
		close(fd);
	file->child = child.children;
	return is_sent;
}

/* Gives the file a number. Returns false if it may not be opened. */
static bool admit(struct resolver_file *file)
{
	int fd;

	if (file->number != 0)
		return true;
	fd = child.files + 1 < RESOLVER_CHILD_FILES ? regular_open(file->path, MOST_FILE_BYTES)
						    : -1;
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
	complain("the functions of %s have no names: its debug data is damaged, or needs more than "
		 "%d s or %d MiB%s",
		 file->path, RESOLVER_CHILD_SECONDS, RESOLVER_CHILD_MIB,
		 child.children < MOST_CHILDREN ? "" : "; no other file is tried in this report");
	return false;
}
