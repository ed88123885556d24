/*
 * group: the connections of one program, in one role, to or at one address: what is compared with
 * each other.
 *
 * A client's group has the peer's address and port; a server's has its own port.
 * Context: the command. Locks: none.
 */
#ifndef DIAGNOSE_GROUP_H
#define DIAGNOSE_GROUP_H

#include <stdbool.h>
#include <stddef.h>

#include "diagnose/ends.h"
#include "diagnose/story.h"

/* What the recording of a connection's other end shows, in times of this one's clock. */
struct other_end {
	bool is_known; /* there is one */
	bool is_whole; /* both recordings have all bytes from the opening to the close */
	bool is_time_known;
	uint64_t read_bytes;
	uint64_t closed_ns; /* 0: not known */
	bool is_shut_first; /* it closed first: its own close, not this side's, ended it */
};

/* A connection, when nothing more is known to come of it. */
struct ended {
	struct connection_row row;
	struct story story;
	uint64_t end_ns;           /* until when its recording goes */
	struct messages *messages; /* NULL: none; freed with the groups */
	const char *boot, *host; /* its machine since it was booted, and its name; "": not known */
	struct other_end other;
};

struct group {
	char *program;
	char *attributes;               /* that all of its processes have (attributes.h) */
	const char *last_attributes;    /* those that were compared last */
	uint8_t role;                   /* enum tcpshim_role */
	bool is_rehearsed;              /* what happened to them was a rehearsal's doing */
	struct tcpshim_address address; /* family 0: any address, for servers */
	struct ended *list;
	size_t count, capacity;
	uint64_t from_ns, until_ns; /* of all recordings */
	uint64_t heard_ns;          /* when a connection got bytes last */
};

struct groups {
	struct group *list;
	size_t count, capacity;
	uint32_t *slots; /* a hash table of what is in the list, from 1 on; 0: free */
	size_t slot_count;
	size_t connection_count;
};

/* Returns whether a connection belongs to a group: no listener does, and no socket that was never
 * connected. */
bool groups_take(const struct connection_row *row);

/* Adds a connection to its group, if it belongs to one. Returns false if there is not enough
 * memory. */
bool groups_add(struct groups *groups, const char *program, const struct ended *ended);
void groups_clear(struct groups *groups);

/* Returns how many connections of theirs were recorded at both ends, if all ends are among them. */
size_t groups_count_pairs(const struct groups *groups);

/* Finds the other ends of the connections, among them and others, and compares the clocks of their
 * machines. clocks: freed with ends_clear, before the groups. */
void groups_pair(struct groups *groups, const struct groups *others, struct clock_pairs *clocks);

/* Appends "python3 to 10.0.0.7:443" or "nginx at port 80"; with "(rehearsed)" after it if it was.
 */
void group_name(struct strbuf *buf, const struct group *group);

#endif
