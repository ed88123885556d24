#include "trace/enforce.h"

#include <errno.h>
#include <sys/socket.h>

#include "conn/conn_option.h"
#include "guest/memory.h"
#include "guest/process.h"
#include "settings/config.h"
#include "settings/match.h"
#include "settings/policy.h"
#include "sys/raw.h"
#include "sys/real.h"
#include "sys/restriction.h"
#include "trace/descriptor.h"
#include "trace/step.h"

/* Returns the value that the kernel has, or otherwise if it cannot be read. */
static int read_back(int fd, enum conn_option option, int otherwise)
{
	int value = 0;
	socklen_t size = sizeof(value);

	return raw_syscall6(SYS_getsockopt, fd, conn_option_rows[option].level,
			    conn_option_rows[option].name, (long)&value, (long)&size, 0) == 0
		       ? value
		       : otherwise;
}

static void set_option(int fd, struct conn *conn, enum conn_option option, int value)
{
	int result = real.setsockopt(fd, conn_option_rows[option].level,
				     conn_option_rows[option].name, &value, sizeof(value));

	if (result < 0) {
		atomic_store(&conn->policy_option, (uint8_t)option);
		atomic_store(&conn->policy_error, errno);
		atomic_fetch_or(&conn->unreported, POLICY_ACTION_REFUSED);
	} else {
		atomic_fetch_or(&conn->enforced, 1U << option);
	}
	/* Read back only if it will be reported. */
	atomic_store(&conn->values[option],
		     atomic_load(&conn->is_untraced) ? value : read_back(fd, option, value));
}

static bool is_selected(const struct conn *conn)
{
	return conn->kind == CONN_KIND_TCP && atomic_load(&conn->match) == MATCH_YES &&
	       !restriction_is_filter();
}

void enforce_options(int fd, struct conn *conn)
{
	struct policy_values values;
	int saved_errno = errno;
	uint32_t enforced;

	if (!policy_is_any(&config.policy) || !is_selected(conn) ||
	    (atomic_fetch_or(&conn->flags, CONN_FLAG_OPTIONS_SET) & CONN_FLAG_OPTIONS_SET))
		return;
	policy_decide_values(&config.policy,
			     process_base_ns() ^ (uint64_t)process_pid() << 32 ^ conn->serial,
			     &values);
	for (unsigned option = 0; option < CONN_OPTION_COUNT; option++)
		if (values.set & 1U << option)
			set_option(fd, conn, (enum conn_option)option, values.values[option]);
	enforced = atomic_load(&conn->enforced);
	if (enforced & 1U << CONN_OPTION_KEEPALIVE)
		atomic_fetch_or(&conn->unreported, POLICY_ACTION_SET_KEEPALIVE);
	if (enforced & 1U << CONN_OPTION_USER_TIMEOUT)
		atomic_fetch_or(&conn->unreported, POLICY_ACTION_SET_USER_TIMEOUT);
	errno = saved_errno;
}

/* Ends the connection without a FIN. real.connect is not used, because it is a cancellation point
 * and this function must not be left by cancellation. */
static long abort_connection(int fd)
{
	const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};

	return raw_syscall3(SYS_connect, fd, (long)&nowhere, sizeof(nowhere));
}

static uint8_t end_connection(int copy, struct conn *conn)
{
	bool is_abort = config.policy.on_eof == POLICY_EOF_RST;
	struct tcpinfo info;
	uint8_t action = is_abort ? POLICY_ACTION_SENT_RST : POLICY_ACTION_SENT_FIN;

	if (step_sample(copy, conn, TCPINFO_STATE, &info) < 0 || !policy_ends_state(info.state))
		return 0;
	if (is_abort ? abort_connection(copy) < 0 : real.shutdown(copy, SHUT_RDWR) < 0)
		return 0; /* a reset came in between: there is nothing left to end */
	atomic_fetch_or(&conn->unreported, action);
	return action;
}

uint8_t enforce_end(int fd, uint64_t slot, struct conn *conn, const struct conn_step *read)
{
	int saved_errno = errno, copy;
	uint8_t action;

	if (!policy_is_end(&config.policy, read) || !is_selected(conn) || !process_is_itself())
		return 0;
	copy = descriptor_hold(fd, slot);
	if (copy < 0) {
		errno = saved_errno;
		return 0;
	}
	action = end_connection(copy, conn);
	raw_close(copy);
	errno = saved_errno;
	return action;
}

bool enforce_leaves_out(struct conn *conn, int level, int name, const void *value, uint32_t size)
{
	enum conn_option option = conn_option_find(level, name);
	int asked;

	if (!policy_is_left_out(&config.policy, atomic_load(&conn->enforced), option) ||
	    restriction_is_filter() || size < sizeof(asked) ||
	    !memory_copy_all(&asked, value, sizeof(asked), process_now_ns()))
		return false;
	if (asked != atomic_load(&conn->values[option])) {
		atomic_store(&conn->policy_option, (uint8_t)option);
		atomic_fetch_or(&conn->unreported, POLICY_ACTION_OVERRULED);
	}
	return true;
}

void enforce_note_option(int fd, struct conn *conn, int level, int name)
{
	enum conn_option option = conn_option_find(level, name);

	if (option == CONN_OPTION_COUNT || !(atomic_load(&conn->enforced) & 1U << option) ||
	    restriction_is_filter() ||
	    read_back(fd, option, atomic_load(&conn->values[option])) ==
		    atomic_load(&conn->values[option]))
		return;
	atomic_fetch_and(&conn->enforced, ~(1U << option));
	atomic_store(&conn->policy_option, (uint8_t)option);
	atomic_fetch_or(&conn->unreported, POLICY_ACTION_WAS_OVERRULED);
}
