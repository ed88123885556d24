#include "diagnose/group.h"

#include <stdlib.h>
#include <string.h>

#include "format/attributes.h"
#include "format/facts.h"

static bool is_same(const struct group *group, const char *program, uint8_t role,
		    const struct tcpshim_address *address)
{
	return group->role == role && strcmp(group->program, program) == 0 &&
	       group->address.family == address->family && group->address.port == address->port &&
	       memcmp(group->address.bytes, address->bytes, sizeof(address->bytes)) == 0;
}

/* A connection whose end is not known to be a server's or client's counts as a client's: its peer
 * is what it has in common with others. */
static struct tcpshim_address key_of(const struct connection_row *row)
{
	if (row->role == ROLE_SERVER)
		return (struct tcpshim_address){.port = row->local.port};
	return row->peer;
}

static struct group *find_or_add(struct groups *groups, const char *program,
				 const struct connection_row *row)
{
	const struct tcpshim_address address = key_of(row);
	uint8_t role = row->role == ROLE_SERVER ? ROLE_SERVER : ROLE_CLIENT;
	struct group *group;

	for (size_t i = 0; i < groups->count; i++)
		if (is_same(&groups->list[i], program, role, &address))
			return &groups->list[i];
	if (groups->count == groups->capacity) {
		size_t capacity = groups->capacity != 0 ? 2 * groups->capacity : 16;
		struct group *list = realloc(groups->list, capacity * sizeof(list[0]));

		if (!list)
			return NULL;
		groups->list = list;
		groups->capacity = capacity;
	}
	group = &groups->list[groups->count];
	*group = (struct group){.program = strdup(program), .role = role, .address = address};
	group->attributes = malloc(ATTRIBUTES_BYTES);
	if (!group->program || !group->attributes)
		return NULL;
	attributes_copy(group->attributes, row->attributes);
	groups->count++;
	return group;
}

bool groups_take(const struct connection_row *row)
{
	return row->role != ROLE_LISTENER && row->peer.family != 0;
}

bool groups_add(struct groups *groups, const char *program, const struct ended *ended)
{
	struct group *group;

	if (!groups_take(&ended->row))
		return true;
	group = find_or_add(groups, program, &ended->row);
	if (!group)
		return false;
	if (group->count == group->capacity) {
		size_t capacity = group->capacity != 0 ? 2 * group->capacity : 16;
		struct ended *list = realloc(group->list, capacity * sizeof(list[0]));

		if (!list)
			return false;
		group->list = list;
		group->capacity = capacity;
	}
	if (ended->row.attributes != group->last_attributes && ended->row.attributes)
		attributes_keep_common(group->attributes, ended->row.attributes);
	group->last_attributes = ended->row.attributes;
	group->list[group->count++] = *ended;
	groups->connection_count++;
	return true;
}

void groups_clear(struct groups *groups)
{
	for (size_t i = 0; i < groups->count; i++) {
		free(groups->list[i].program);
		free(groups->list[i].attributes);
		free(groups->list[i].list);
	}
	free(groups->list);
	*groups = (struct groups){0};
}

void group_name(struct strbuf *buf, const struct group *group)
{
	strbuf_string(buf, group->program);
	if (group->role == ROLE_SERVER) {
		strbuf_string(buf, " at port ");
		strbuf_unsigned(buf, group->address.port);
	} else {
		strbuf_string(buf, " to ");
		facts_address(buf, &group->address);
	}
}
