#include "sink/record.h"

#include <errno.h>
#include <string.h>

#include "format/pack.h"
#include "format/payload.h"
#include "guest/mapping.h"
#include "guest/process.h"
#include "settings/config.h"

enum { LEAST_ROOM = 256, LEAST_MORE = 64 };

/* Returns how many bytes of the event's payload are recorded in all. */
static uint64_t recorded_bytes(const struct tcpshim_event *event)
{
	uint64_t held = payload_held(event);

	return held < config.style.data_bytes ? held : config.style.data_bytes;
}

/* Records the payload from byte from up to byte end, in as many records as it takes. */
static void record_rest(struct area *area, uint64_t from, uint64_t end)
{
	const struct tcpshim_event *event = &area->event;

	while (from < end) {
		uint64_t packed;
		size_t room, size;
		uint8_t *at = recording_room(area, LEAST_MORE, &room, event->time_ns);

		if (!at)
			return;
		size = pack_more(at, room, event, from, end, &packed);
		from += packed;
		recording_block_commit(size, RECORD_MORE, from < end ? RECORD_HAS_MORE : 0);
	}
}

void record_clock(struct area *area, uint64_t now_ns)
{
	size_t room;
	uint8_t *at = recording_room(area, sizeof(struct record_clock), &room, now_ns);

	if (at)
		recording_block_commit(pack_clock(at, now_ns, process_realtime_offset_ns()),
				       RECORD_CLOCK, 0);
}

/* How many of the mappings this process's recording has. */
static _Atomic uint32_t recorded_mappings;

/* Returns false if there is no room. */
static bool record_mapping(struct area *area, const struct mapping *mapping)
{
	size_t room;
	uint8_t *at =
		recording_room(area, pack_module_size(mapping->path), &room, area->event.time_ns);

	if (!at)
		return false;
	recording_block_commit(pack_module(at, mapping->start, mapping->end, mapping->offset,
					   mapping->path),
			       RECORD_MODULE, 0);
	return true;
}

/* Records the mappings that the recording does not have yet: a reader needs them for stacks. */
static void record_mappings(struct area *area)
{
	const struct mapping *mapping;
	uint32_t number;

	while ((mapping = mapping_at(number = atomic_load(&recorded_mappings)))) {
		if (!atomic_compare_exchange_strong(&recorded_mappings, &number, number + 1))
			continue;
		if (!record_mapping(area, mapping))
			return;
	}
}

void record_start_over(void)
{
	atomic_store(&recorded_mappings, 0);
	recording_start_over();
}

void record_event(struct area *area)
{
	const struct tcpshim_event *event = &area->event;
	uint64_t end = recorded_bytes(event);
	size_t room, size = 0, least = LEAST_ROOM;
	bool has_endpoints = event->flags & EVENT_ENDPOINTS;
	uint8_t *at;

	if (event->stack_count > 0)
		record_mappings(area);
	do {
		at = recording_room(area, least, &room, event->time_ns);
		if (!at)
			return;
		size = pack_event(at, room, event, config.style.data_bytes, has_endpoints);
		if (size == 0) /* the bytes written must not look like a call in progress */
			memset(at, 0, sizeof(uint64_t));
		if (size == 0 && room == RECORD_BLOCK_BYTES - sizeof(struct record_block)) {
			recording_count_lost(1, E2BIG);
			return;
		}
		least = room + 1; /* take a block with more room */
	} while (size == 0);
	recording_block_commit(size, RECORD_EVENT,
			       event->flags | (end > PACK_DATA_BYTES ? RECORD_HAS_MORE : 0U));
	thread.last_ns = event->time_ns;
	if (end > PACK_DATA_BYTES)
		record_rest(area, PACK_DATA_BYTES, end);
}

void record_line(struct area *area, const char *line, size_t size, uint64_t now_ns)
{
	size_t room;
	uint8_t *at = recording_room(area, pack_line_size(size), &room, now_ns);

	if (at)
		recording_block_commit(pack_line(at, now_ns, line, size), RECORD_LINE, 0);
}
