#include "diagnose/group.h"

#include <stdlib.h>
#include <string.h>

#include "format/attributes.h"
#include "format/facts.h"
#include "format/note_set.h"
#include "reader/complain.h"

/* What the connections of a group have in common. */
struct key {
	const char *program;
	uint8_t role;
	bool is_rehearsed;
	struct tcpshim_address address;
};

static bool is_same(const struct group *group, const struct key *key)
{
	const struct tcpshim_address *address = &key->address;

	return group->role == key->role && group->is_rehearsed == key->is_rehearsed &&
	       strcmp(group->program, key->program) == 0 &&
	       group->address.family == address->family && group->address.port == address->port &&
	       memcmp(group->address.bytes, address->bytes, sizeof(address->bytes)) == 0;
}

static bool is_rehearsed(const struct connection_row *row)
{
	bool is_any = false;

	for (unsigned note = NOTE_rehearsed_cut; note <= NOTE_rehearsed_slow; note++)
		is_any |= note_set_has(&row->notes, note);
	return is_any;
}

/* A connection whose end is not known to be a server's or client's counts as a client's: its peer
 * is what it has in common with others. */
static struct tcpshim_address address_of(const struct connection_row *row)
{
	if (row->role == ROLE_SERVER)
		return (struct tcpshim_address){.port = row->local.port};
	return row->peer;
}

static uint64_t hash_of(const struct key *key)
{
	const struct tcpshim_address *address = &key->address;
	const char *program = key->program;
	uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */

	for (; *program; program++)
		hash = (hash ^ (uint8_t)*program) * 0x100000001b3;
	for (size_t i = 0; i < sizeof(address->bytes); i++)
		hash = (hash ^ address->bytes[i]) * 0x100000001b3;
	hash = (hash ^ address->port) * 0x100000001b3;
	hash = (hash ^ key->role ^ (key->is_rehearsed ? 0x80U : 0U)) * 0x100000001b3;
	return hash ^ hash >> 32;
}

/* Returns the slot of the group, or the free one where it belongs. */
static uint32_t *find_slot(const struct groups *groups, const struct key *key)
{
	size_t mask = groups->slot_count - 1, i = hash_of(key) & mask;

	while (groups->slots[i] != 0 && !is_same(&groups->list[groups->slots[i] - 1], key))
		i = (i + 1) & mask;
	return &groups->slots[i];
}

/* Makes room for one more group. At least half of the slots stay free. */
static bool grow(struct groups *groups)
{
	size_t capacity = groups->capacity != 0 ? 2 * groups->capacity : 16;
	struct group *list;
	uint32_t *slots;

	if (groups->count < groups->capacity)
		return true;
	list = realloc(groups->list, capacity * sizeof(list[0]));
	if (!list)
		return false;
	groups->list = list;
	slots = calloc(2 * capacity, sizeof(slots[0]));
	if (!slots)
		return false;
	free(groups->slots);
	groups->slots = slots;
	groups->slot_count = 2 * capacity;
	groups->capacity = capacity;
	for (size_t i = 0; i < groups->count; i++) {
		const struct key key = {.program = list[i].program,
					.role = list[i].role,
					.is_rehearsed = list[i].is_rehearsed,
					.address = list[i].address};

		*find_slot(groups, &key) = (uint32_t)(i + 1);
	}
	return true;
}

static struct group *find_or_add(struct groups *groups, const char *program,
				 const struct connection_row *row)
{
	const struct key key = {.program = program,
				.role = row->role == ROLE_SERVER ? ROLE_SERVER : ROLE_CLIENT,
				.is_rehearsed = is_rehearsed(row),
				.address = address_of(row)};
	struct group *group;
	uint32_t *slot;

	if (!grow(groups))
		return NULL;
	slot = find_slot(groups, &key);
	if (*slot != 0)
		return &groups->list[*slot - 1];
	group = &groups->list[groups->count];
	*group = (struct group){.program = strdup(program),
				.role = key.role,
				.is_rehearsed = key.is_rehearsed,
				.address = key.address};
	group->attributes = malloc(ATTRIBUTES_BYTES);
	if (!group->program || !group->attributes)
		return NULL;
	attributes_copy(group->attributes, row->attributes);
	*slot = (uint32_t)++groups->count;
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
		size_t capacity = group->capacity != 0 ? 2 * group->capacity : 2;
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
	if (ended->story.heard_ns > group->heard_ns)
		group->heard_ns = ended->story.heard_ns;
	groups->connection_count++;
	return true;
}

static void take_other(struct ended *ended, const struct end *end, const struct end *partner,
		       const struct clock_pairs *clocks)
{
	const struct connection_row *other = partner->row;
	uint64_t error_ns;
	int64_t ahead_ns;

	ended->other = (struct other_end){
		.is_known = true,
		.is_whole = ends_is_whole(end) && ends_is_whole(partner) &&
			    ended->row.closed_ns != 0 && other->closed_ns != 0,
		.is_time_known =
			ends_ahead(clocks, end, partner, other->closed_ns, &ahead_ns, &error_ns),
		.read_bytes = partner->messages ? partner->messages->read.bytes : 0,
		.closed_ns = other->closed_ns != 0 ? other->closed_ns - (uint64_t)ahead_ns : 0,
		.is_shut_first = other->first == FIRST_END_HERE,
	};
}

static struct end *append_ends(struct end *at, const struct groups *groups)
{
	for (size_t i = 0; i < groups->count; i++)
		for (size_t j = 0; j < groups->list[i].count; j++) {
			const struct ended *ended = &groups->list[i].list[j];

			*at++ = (struct end){.row = &ended->row,
					     .messages = ended->messages,
					     .boot = ended->boot,
					     .host = ended->host};
		}
	return at;
}

void groups_pair(struct groups *groups, const struct groups *others, struct clock_pairs *clocks)
{
	size_t count = groups->connection_count + others->connection_count, at = 0;
	struct end *ends = allocate((count + 1) * sizeof(ends[0]));

	append_ends(append_ends(ends, groups), others);
	ends_pair(ends, count);
	ends_compare_clocks(ends, count, clocks);
	for (size_t i = 0; i < groups->count; i++)
		for (size_t j = 0; j < groups->list[i].count; j++, at++)
			if (ends[at].partner != ENDS_NONE)
				take_other(&groups->list[i].list[j], &ends[at],
					   &ends[ends[at].partner], clocks);
	free(ends);
}

size_t groups_count_pairs(const struct groups *groups)
{
	size_t count = 0;

	for (size_t i = 0; i < groups->count; i++)
		for (size_t j = 0; j < groups->list[i].count; j++)
			count += groups->list[i].list[j].other.is_known;
	return count / 2;
}

void groups_clear(struct groups *groups)
{
	for (size_t i = 0; i < groups->count; i++) {
		for (size_t j = 0; j < groups->list[i].count; j++)
			free(groups->list[i].list[j].messages);
		free(groups->list[i].program);
		free(groups->list[i].attributes);
		free(groups->list[i].list);
	}
	free(groups->list);
	free(groups->slots);
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
	if (group->is_rehearsed)
		strbuf_string(buf, " (rehearsed)");
}
