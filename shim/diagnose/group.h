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

#include "diagnose/story.h"

/* A connection, when nothing more is known to come of it. */
struct ended {
	struct connection_row row;
	struct story story;
	uint64_t end_ns; /* until when its recording goes */
};

struct group {
	char *program;
	char *attributes;               /* that all of its processes have (attributes.h) */
	const char *last_attributes;    /* those that were compared last */
	uint8_t role;                   /* enum tcpshim_role */
	struct tcpshim_address address; /* family 0: any address, for servers */
	struct ended *list;
	size_t count, capacity;
	uint64_t from_ns, until_ns; /* of all recordings */
};

struct groups {
	struct group *list;
	size_t count, capacity;
	size_t connection_count;
};

/* Returns whether a connection belongs to a group: no listener does, and no socket that was never
 * connected. */
bool groups_take(const struct connection_row *row);

/* Adds a connection to its group, if it belongs to one. Returns false if there is not enough
 * memory. */
bool groups_add(struct groups *groups, const char *program, const struct ended *ended);
void groups_clear(struct groups *groups);

/* Appends "python3 to 10.0.0.7:443" or "nginx at port 80". */
void group_name(struct strbuf *buf, const struct group *group);

#endif
