/*
 * policy: what the policies ask for, and what follows from it for one connection.
 *
 * Pure: text to settings, settings and a connection to a decision. Applying is enforce's.
 * Limits are the kernel's: TCP_KEEPIDLE and TCP_KEEPINTVL whole seconds up to 32767, TCP_KEEPCNT up
 * to 127 (include/net/tcp.h), TCP_USER_TIMEOUT milliseconds up to 2^31 - 1.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef SETTINGS_POLICY_H
#define SETTINGS_POLICY_H

#include "conn/conn.h"
#include "format/strbuf.h"

enum policy_on_eof { POLICY_EOF_OFF, POLICY_EOF_FIN, POLICY_EOF_RST };

/* The settings. What is off is zero. */
struct policy {
	bool has_keepalive, has_user_timeout, is_forced;
	bool is_user_timeout_auto; /* idle + interval * count of the same connection */
	uint8_t on_eof;            /* enum policy_on_eof */
	uint8_t count;             /* probes without an answer */
	uint8_t jitter_percent;    /* by how much idle may be shortened */
	uint16_t idle_s, interval_s;
	uint32_t user_timeout_ms;
};

/* One function a variable; false where the value is not understood, then nothing has changed. */
bool policy_read_keepalive(struct policy *policy, const char *value);
bool policy_read_user_timeout(struct policy *policy, const char *value);
bool policy_read_on_eof(struct policy *policy, const char *value);
bool policy_read_forced(struct policy *policy, const char *value);

/* Whether anything is asked for. */
bool policy_is_any(const struct policy *policy);

/* After all variables: what needs another one that is missing is switched off, and what does not
 * fit together costs a line each that names the values that would. */
typedef void policy_complain(const char *line, size_t size);
void policy_settle(struct policy *policy, policy_complain *complain);

/* After how long of silence the kernel ends an idle connection: at the first probe due when both at
 * least one has gone unanswered and the limit is over; the limit is the user timeout where there
 * is one, else the count (tcp_keepalive_timer, net/ipv4/tcp_timer.c). */
uint64_t policy_idle_end_ms(uint64_t idle_ms, uint64_t interval_ms, uint64_t count,
			    uint64_t user_timeout_ms);

/* What the options of a connection are to be; bit of set: this one. */
struct policy_values {
	uint32_t set;
	int32_t values[CONN_OPTION_COUNT];
};

/* Decides for one connection. seed: different for each, for the jitter. */
void policy_decide_values(const struct policy *policy, uint64_t seed, struct policy_values *values);

/* Whether the program's own setsockopt of this option is to be left out; enforced: the options that
 * are the policy's on this connection. */
bool policy_is_left_out(const struct policy *policy, uint32_t enforced, enum conn_option option);

/* Whether a read has found an end of stream to act on, as far as the program's side knows. */
bool policy_is_end(const struct policy *policy, const struct conn_step *read);

/* Whether the kernel agrees: the peer's FIN has come, and this side's has not been sent. */
bool policy_ends_state(uint8_t state);

#endif
