/*
 * conn_option: the socket options that policies set.
 *
 * Pure. The order of the enum is the order in which policies set them.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef CONN_CONN_OPTION_H
#define CONN_CONN_OPTION_H

enum conn_option {
	CONN_OPTION_KEEPIDLE,
	CONN_OPTION_KEEPINTVL,
	CONN_OPTION_KEEPCNT,
	CONN_OPTION_KEEPALIVE, /* after its times: switching it on starts the timer with them */
	CONN_OPTION_USER_TIMEOUT,
	CONN_OPTION_COUNT
};

/* An option as getsockopt(2) and setsockopt(2) name it. */
struct conn_option_row {
	int level, name;
};
extern const struct conn_option_row conn_option_rows[CONN_OPTION_COUNT];

/* Returns the option with this level and name, or CONN_OPTION_COUNT if policies do not set it. */
enum conn_option conn_option_find(int level, int name);

#endif
