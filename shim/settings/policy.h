/*
 * policy: what the policies ask for, and what follows for one connection.
 *
 * Pure: converts text to settings, and settings and a connection to a decision. trace/enforce
 * applies it. The limits are the kernel's: TCP_KEEPIDLE and TCP_KEEPINTVL whole seconds up to
 * 32767, TCP_KEEPCNT up to 127 (include/net/tcp.h), TCP_USER_TIMEOUT milliseconds up to 2^31 - 1.
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
	bool is_user_timeout_auto; /* it is idle + interval * count of the connection */
	uint8_t on_eof;            /* enum policy_on_eof */
	uint8_t count;             /* how many probes without an answer */
	uint8_t jitter_percent;    /* by how much idle may be shortened */
	uint16_t idle_s, interval_s;
	uint32_t user_timeout_ms;
};

/* Read the value of one variable each. If the value is not understood, return false and change
 * nothing. */
bool policy_read_keepalive(struct policy *policy, const char *value);
bool policy_read_user_timeout(struct policy *policy, const char *value);
bool policy_read_on_eof(struct policy *policy, const char *value);
bool policy_read_forced(struct policy *policy, const char *value);

/* Returns whether any policy is on. */
bool policy_is_any(const struct policy *policy);

/* Completes the settings after all variables were read: switches off what needs another setting
 * that is missing. Calls complain with one line for each combination that does not fit; the line
 * names values that would. */
typedef void policy_complain(const char *line, size_t size);
void policy_settle(struct policy *policy, policy_complain *complain);

/* Returns the idle time after which the kernel ends a connection: at the first due probe at which
 * at least one probe has gone unanswered and the limit has passed. The limit is the user timeout if
 * there is one, otherwise the count (tcp_keepalive_timer, net/ipv4/tcp_timer.c). */
uint64_t policy_idle_end_ms(uint64_t idle_ms, uint64_t interval_ms, uint64_t count,
			    uint64_t user_timeout_ms);

/* The values that a connection's options shall have. Bit option of set: values[option] is used. */
struct policy_values {
	uint32_t set;
	int32_t values[CONN_OPTION_COUNT];
};

/* Decides the values for one connection. seed: a different number for each connection, for the
 * jitter. */
void policy_decide_values(const struct policy *policy, uint64_t seed, struct policy_values *values);

/* Returns whether the program's own setsockopt of this option is not to be carried out. enforced:
 * the options that have the policy's value on this connection. */
bool policy_is_left_out(const struct policy *policy, uint32_t enforced, enum conn_option option);

/* Returns whether the read found an end of stream to act on, as far as the program's side knows. */
bool policy_is_end(const struct policy *policy, const struct conn_step *read);

/* Returns whether the kernel's state agrees: the peer's FIN was received, and this side's was not
 * sent. */
bool policy_ends_state(uint8_t state);

#endif
