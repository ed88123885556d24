#include "reader/stacks.h"

#include <stdlib.h>
#include <string.h>

#include "reader/complain.h"
#include "reader/symbols.h"

enum { MOST_STACKS = 1 << 16, MOST_KEYS = 4 * MOST_STACKS, FRAME_TEXT_BYTES = 512 };

/* --- From keys to numbers. --- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

static uint64_t mix_text(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return mix(hash, 0);
}

static size_t place_of(const struct stack_numbers *map, uint64_t key)
{
	size_t place = key & (map->capacity - 1);

	while (map->keys[place] != 0 && map->keys[place] != key)
		place = (place + 1) & (map->capacity - 1);
	return place;
}

/* Returns false if the key is not there. */
static bool find_number(const struct stack_numbers *map, uint64_t key, uint32_t *number)
{
	size_t place;

	if (map->count == 0)
		return false;
	place = place_of(map, key);
	*number = map->numbers[place];
	return map->keys[place] != 0;
}

static void grow(struct stack_numbers *map)
{
	struct stack_numbers larger = {.capacity = map->capacity != 0 ? 2 * map->capacity : 64};

	larger.keys = allocate(larger.capacity * sizeof(larger.keys[0]));
	larger.numbers = allocate(larger.capacity * sizeof(larger.numbers[0]));
	memset(larger.keys, 0, larger.capacity * sizeof(larger.keys[0]));
	for (size_t i = 0; i < map->capacity; i++) {
		size_t place;

		if (map->keys[i] == 0)
			continue;
		place = place_of(&larger, map->keys[i]);
		larger.keys[place] = map->keys[i];
		larger.numbers[place] = map->numbers[i];
		larger.count++;
	}
	free(map->keys);
	free(map->numbers);
	*map = larger;
}

static void add_number(struct stack_numbers *map, uint64_t key, uint32_t number)
{
	size_t place;

	if (map->count == MOST_KEYS)
		return;
	if (2 * map->count >= map->capacity)
		grow(map);
	place = place_of(map, key);
	map->count += map->keys[place] == 0;
	map->keys[place] = key;
	map->numbers[place] = number;
}

/* --- Which frames are the program's. --- */

/* Returns whether the file is one through which every program calls: libc and its parts, the
 * loader, this library, and what is no file (the vdso). */
static bool is_below_programs(const char *path)
{
	static const char *const prefixes[] = {"libc.",  "libc-",      "libpthread", "ld-",
					       "ld.so",  "libtcpshim", "libresolv",  "libnss_",
					       "libanl", "librt"};
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return path[0] != '/';
}

static const char *path_of(const struct reader *reader, const struct stack_frame *frame)
{
	return reader->modules[frame->module].path;
}

static uint64_t offset_of(const struct reader *reader, const struct stack_frame *frame)
{
	const struct module *module = &reader->modules[frame->module];

	return frame->address - module->start + module->offset;
}

/* Collects the frames of the program and its libraries. Returns how many they are. */
static uint32_t collect(const struct reader *reader, const struct tcpshim_event *event,
			struct stack_frame *frames)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < event->stack_count && i < EVENT_FRAMES; i++) {
		struct stack_frame *frame = &frames[count];

		frame->address = event->stack[i];
		if (reader_find_module(reader, frame->address, &frame->module) &&
		    !is_below_programs(path_of(reader, frame)))
			count++;
	}
	return count;
}

static void keep(struct stack *stack, const struct stack_frame *frames, uint32_t count)
{
	uint32_t innermost = 0;

	while (strcmp(path_of(stack->reader, &frames[innermost]),
		      path_of(stack->reader, &frames[count - 1])) != 0)
		innermost++;
	stack->count = count < STACK_FRAMES ? count : STACK_FRAMES;
	memcpy(stack->frames, frames, stack->count * sizeof(frames[0]));
	if (innermost >= STACK_FRAMES)
		stack->frames[STACK_FRAMES - 1] = frames[innermost];
}

/* --- Each stack once. --- */

static bool is_same(const struct stack *a, const struct stack *b)
{
	for (uint32_t i = 0; i < a->count && a->count == b->count; i++)
		if (offset_of(a->reader, &a->frames[i]) != offset_of(b->reader, &b->frames[i]) ||
		    strcmp(path_of(a->reader, &a->frames[i]), path_of(b->reader, &b->frames[i])) !=
			    0)
			return false;
	return a->count == b->count;
}

static uint32_t find_or_add(struct stacks *stacks, const struct stack *stack)
{
	uint64_t key = 1;
	uint32_t number;

	for (uint32_t i = 0; i < stack->count; i++)
		key = mix(mix_text(key, path_of(stack->reader, &stack->frames[i])),
			  offset_of(stack->reader, &stack->frames[i]));
	key += key == 0;
	if (find_number(&stacks->by_places, key, &number) &&
	    is_same(&stacks->list[number - 1], stack))
		return number;
	if (stacks->count == MOST_STACKS)
		return 0;
	if (stacks->count == stacks->capacity) {
		stacks->capacity = stacks->capacity != 0 ? 2 * stacks->capacity : 64;
		stacks->list = reallocate(stacks->list, stacks->capacity * sizeof(stacks->list[0]));
	}
	stacks->list[stacks->count++] = *stack;
	add_number(&stacks->by_places, key, stacks->count);
	return stacks->count;
}

uint32_t stacks_number(struct stacks *stacks, const struct reader *reader,
		       const struct tcpshim_event *event)
{
	struct stack_frame frames[EVENT_FRAMES];
	struct stack stack = {.reader = reader};
	uint64_t key = mix((uintptr_t)reader, reader->module_count);
	uint32_t count, number = 0;

	if (event->stack_count == 0)
		return 0;
	for (uint32_t i = 0; i < event->stack_count; i++)
		key = mix(key, event->stack[i]);
	key += key == 0;
	if (find_number(&stacks->by_addresses, key, &number))
		return number;
	count = collect(reader, event, frames);
	if (count > 0) {
		keep(&stack, frames, count);
		number = find_or_add(stacks, &stack);
	}
	add_number(&stacks->by_addresses, key, number);
	return number;
}

/* --- As text. --- */

bool stacks_append_frame(const struct stacks *stacks, uint32_t number, uint32_t frame,
			 bool is_short, struct strbuf *buf)
{
	const struct stack *stack = &stacks->list[number - 1];

	if (frame >= stack->count)
		return false;
	symbols_use(stack->reader);
	symbols_append_in(buf, &stack->reader->modules[stack->frames[frame].module],
			  stack->frames[frame].address, is_short);
	return true;
}

/* Returns whether a frame is where the loader starts a program: nobody wrote it. */
static bool is_start(const struct strbuf *text)
{
	return memmem(text->text, text->size, "(_start+0x", strlen("(_start+0x")) != NULL;
}

void stacks_append(const struct stacks *stacks, uint32_t number, struct strbuf *buf)
{
	char bytes[FRAME_TEXT_BYTES];
	struct strbuf text;
	uint32_t frame = 0;

	for (;;) {
		strbuf_init(&text, bytes, sizeof(bytes));
		if (!stacks_append_frame(stacks, number, frame, true, &text) ||
		    (frame > 0 && is_start(&text)))
			return;
		if (frame++ > 0)
			strbuf_string(buf, ", from ");
		strbuf_bytes(buf, text.text, text.size);
	}
}

void stacks_clear(struct stacks *stacks)
{
	free(stacks->list);
	free(stacks->by_addresses.keys);
	free(stacks->by_addresses.numbers);
	free(stacks->by_places.keys);
	free(stacks->by_places.numbers);
	*stacks = (struct stacks){0};
}
