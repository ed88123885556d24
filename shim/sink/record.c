#include "sink/record.h"

#include <errno.h>
#include <string.h>

#include "format/pack.h"
#include "format/payload.h"
#include "guest/mapping.h"
#include "guest/process.h"
#include "settings/config.h"

enum { LEAST_ROOM = 256, LEAST_MORE = 64 };

/* Of the event's payload, as much as is recorded at all, and of that what its own record holds. */
static uint64_t recorded_bytes(const struct tcpshim_event *event)
{
	uint64_t held = payload_held(event);

	return held < config.style.data_bytes ? held : config.style.data_bytes;
}

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
	struct record_clock told = {
		.time_ns = now_ns,
		.realtime_offset_ns = process_realtime_offset_ns(),
	};
	size_t room;
	uint8_t *at = recording_room(area, sizeof(told), &room, told.time_ns);

	if (!at)
		return;
	memcpy(at + sizeof(told.head), (const uint8_t *)&told + sizeof(told.head),
	       sizeof(told) - sizeof(told.head));
	recording_block_commit(sizeof(told), RECORD_CLOCK, 0);
}

/* Of this process's recording: which of the modules it has been told. */
static _Atomic uint32_t told_modules;

static bool record_mapping(struct area *area, const struct mapping *mapping)
{
	struct record_module told = {
		.number = (uint32_t)strlen(mapping->path) + 1,
		.start = mapping->start,
		.end = mapping->end,
		.offset = mapping->offset,
	};
	size_t size = sizeof(told) + pack_round(told.number), room;
	uint8_t *at = recording_room(area, size, &room, area->event.time_ns);

	if (!at)
		return false;
	memcpy(at + sizeof(told.head), (const uint8_t *)&told + sizeof(told.head),
	       sizeof(told) - sizeof(told.head));
	memcpy(at + sizeof(told), mapping->path, told.number);
	recording_block_commit(size, RECORD_MODULE, 0);
	return true;
}

static void record_modules(struct area *area)
{
	const struct mapping *mapping;
	uint32_t number;

	while ((mapping = mapping_at(number = atomic_load(&told_modules)))) {
		if (!atomic_compare_exchange_strong(&told_modules, &number, number + 1))
			continue;
		if (!record_mapping(area, mapping))
			return;
	}
}

void record_start_over(void)
{
	atomic_store(&told_modules, 0);
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
		record_modules(area);
	do {
		at = recording_room(area, least, &room, event->time_ns);
		if (!at)
			return;
		size = pack_event(at, room, event, config.style.data_bytes, has_endpoints);
		if (size == 0) /* what was written is no call that the thread is in */
			memset(at, 0, sizeof(uint64_t));
		if (size == 0 && room == RECORD_BLOCK_BYTES - sizeof(struct record_block)) {
			recording_count_lost(1, E2BIG);
			return;
		}
		least = room + 1; /* a block that has more */
	} while (size == 0);
	recording_block_commit(size, RECORD_EVENT,
			       event->flags | (end > PACK_DATA_BYTES ? RECORD_HAS_MORE : 0U));
	thread.last_ns = event->time_ns;
	if (end > PACK_DATA_BYTES)
		record_rest(area, PACK_DATA_BYTES, end);
}

void record_line(struct area *area, const char *line, size_t size, uint64_t now_ns)
{
	struct record_line told = {.number = (uint32_t)size, .time_ns = now_ns};
	size_t room;
	uint8_t *at = recording_room(area, sizeof(told) + pack_round(size), &room, now_ns);

	if (!at)
		return;
	memcpy(at + sizeof(told.head), (const uint8_t *)&told + sizeof(told.head),
	       sizeof(told) - sizeof(told.head));
	memcpy(at + sizeof(told), line, size);
	recording_block_commit(sizeof(told) + pack_round(size), RECORD_LINE, 0);
}
