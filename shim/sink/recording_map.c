#include "sink/recording_map.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "sys/raw.h"
#include "sys/restriction.h"

enum { LEAST_WINDOW_BYTES = 1 << 20, MOST_WINDOWS = 256, ANCHOR_BYTES = 4096, MOST_YIELDS = 10000 };

static bool is_address(long result)
{
	return result >= 0 || result < -4095;
}

static long map_shared(void *wanted, uint64_t size, int flags, int fd)
{
	return raw_syscall6(RAW_MMAP, (long)wanted, (long)size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | flags, fd, 0);
}

/* Unlocks the memory, which mlockall(MCL_FUTURE) may have locked, and keeps it out of core files.
 * Turns read-ahead off: at a store into a hole the kernel would read as much ahead as the device is
 * set to. With 8 MiB, one call in some thousands would take 1 to 25 ms. */
static void advise(void *memory, uint64_t size)
{
	if (restriction_is_inherited())
		return;
	raw_syscall2(SYS_munlock, (long)memory, (long)size);
	raw_syscall3(SYS_madvise, (long)memory, (long)size, MADV_RANDOM);
	raw_syscall3(SYS_madvise, (long)memory, (long)size, MADV_DONTDUMP);
}

static uint64_t window_count(const struct recording_map *map)
{
	return (map->file_bytes + map->window_bytes - 1) / map->window_bytes;
}

static uint64_t mapped_header_bytes(const struct recording_map *map)
{
	return atomic_load(&map->whole) == (uint8_t *)map->header ? map->file_bytes
								  : RECORD_HEADER_BYTES;
}

/* Maps size bytes of the file once more, beginning with an already mapped page. */
static long map_from(uint8_t *page, uint64_t size)
{
	/* If the program has locked the page since, the copy would be locked too, and filled. */
	raw_syscall2(SYS_munlock, (long)page, ANCHOR_BYTES);
	return raw_syscall6(SYS_mremap, (long)page, 0, (long)size, MREMAP_MAYMOVE, 0, 0);
}

/* Returns whether a second mapping can be made from one. It cannot under a filter that may not
 * allow it, under valgrind, in some emulators, or if pages are larger than a block. */
static bool can_map_alone(uint8_t *header)
{
	bool is_page;
	long at;

	if (restriction_is_inherited())
		return false;
	at = map_from(header, RECORD_HEADER_BYTES + RECORD_BLOCK_BYTES);
	if (!is_address(at))
		return false;
	/* The kernel refuses an address that is not a page's. */
	is_page = raw_syscall2(SYS_munmap, at + RECORD_HEADER_BYTES, RECORD_BLOCK_BYTES) == 0;
	raw_unmap((void *)at, RECORD_HEADER_BYTES + (is_page ? 0 : RECORD_BLOCK_BYTES));
	return is_page;
}

static long map_header(struct recording_map *map, int fd, uint64_t file_bytes)
{
	long at = map_shared(NULL, RECORD_HEADER_BYTES, 0, fd);

	if (!is_address(at) || can_map_alone((uint8_t *)at))
		return at;
	raw_unmap((void *)at, RECORD_HEADER_BYTES);
	at = map_shared(NULL, file_bytes, 0, fd);
	if (is_address(at))
		atomic_store(&map->whole, (uint8_t *)at);
	return at;
}

int recording_map_start(struct recording_map *map, int fd, uint64_t file_bytes)
{
	long at = map_header(map, fd, file_bytes);

	if (!is_address(at))
		return (int)at;
	map->header = (struct record_header *)at;
	map->file_bytes = file_bytes;
	map->window_bytes = LEAST_WINDOW_BYTES;
	while (window_count(map) > MOST_WINDOWS)
		map->window_bytes *= 2;
	advise(map->header, mapped_header_bytes(map));
	map->windows = raw_map((size_t)window_count(map) * sizeof(*map->windows));
	if (!map->windows)
		return -ENOMEM;
	atomic_store(&map->windows[0].anchor, (uint8_t *)at);
	return 0;
}

void recording_map_rename(struct recording_map *map, int fd)
{
	uint64_t size = mapped_header_bytes(map);

	if (is_address(map_shared(map->header, size, MAP_FIXED, fd)))
		advise(map->header, size);
}

/* Unmaps the first bytes of what map_from has mapped and returns the rest. */
static uint8_t *keep_end(long at, uint64_t before)
{
	if (before > 0)
		raw_unmap((void *)at, (size_t)before);
	return (uint8_t *)at + before;
}

/* Returns the first page of a window, made from the first page of the window before it. */
static long find_anchor(struct recording_map *map, uint64_t window)
{
	uint64_t known = window;
	uint8_t *anchor, *other;

	while (!(anchor = atomic_load(&map->windows[known].anchor)))
		known--;
	for (; known < window; known++) {
		long at = map_from(anchor, map->window_bytes + ANCHOR_BYTES);

		if (!is_address(at))
			return at;
		anchor = keep_end(at, map->window_bytes);
		other = NULL;
		if (!atomic_compare_exchange_strong(&map->windows[known + 1].anchor, &other,
						    anchor)) {
			raw_unmap(anchor, ANCHOR_BYTES);
			anchor = other;
		}
	}
	return (long)anchor;
}

static uint64_t window_size(const struct recording_map *map, uint64_t window)
{
	uint64_t left = map->file_bytes - window * map->window_bytes;

	return left < map->window_bytes ? left : map->window_bytes;
}

/* Maps a window. The caller is one of its users. */
static uint8_t *map_window(struct recording_map *map, uint64_t number)
{
	struct recording_window *window = &map->windows[number];
	uint8_t *other = NULL;
	long at = find_anchor(map, number);

	if (is_address(at))
		at = map_from((uint8_t *)at, window_size(map, number));
	if (!is_address(at))
		return NULL;
	if (atomic_compare_exchange_strong(&window->memory, &other, (uint8_t *)at))
		return (uint8_t *)at;
	raw_unmap((void *)at, (size_t)window_size(map, number));
	return other;
}

/* Unmaps the windows without users. Not if the file is mapped whole: leaving a block of that
 * mapping decreases users too. */
static void unmap_unused(struct recording_map *map)
{
	if (atomic_load(&map->whole))
		return;
	for (uint64_t i = 0; i < window_count(map); i++) {
		struct recording_window *window = &map->windows[i];
		uint32_t none = 0;
		uint8_t *memory;

		if (!atomic_load(&window->memory) ||
		    !atomic_compare_exchange_strong(&window->users, &none, RECORDING_WINDOW_BUSY))
			continue;
		memory = atomic_exchange(&window->memory, NULL);
		if (memory)
			raw_unmap(memory, (size_t)window_size(map, i));
		atomic_fetch_and(&window->users, ~RECORDING_WINDOW_BUSY);
	}
}

/* Returns whether to map only what is needed. The limit may be set at any time, so it is read once
 * per window. */
static bool is_frugal(const struct recording_map *map)
{
	struct rlimit64 limit = {.rlim_cur = RLIM64_INFINITY};

	if (atomic_load(&map->is_frugal))
		return true;
	raw_syscall4(SYS_prlimit64, 0, RLIMIT_AS, 0, (long)&limit);
	return limit.rlim_cur != RLIM64_INFINITY;
}

/* Makes the caller a user of the window. Another thread may be unmapping it: that takes less than a
 * millisecond, unless the thread has left in the middle of it. */
static bool use(struct recording_window *window)
{
	for (int i = 0; i < MOST_YIELDS; i++) {
		if (!(atomic_fetch_add(&window->users, 1) & RECORDING_WINDOW_BUSY))
			return true;
		atomic_fetch_sub(&window->users, 1);
		raw_syscall1(SYS_sched_yield, 0);
	}
	return false;
}

struct record_block *recording_map_block(struct recording_map *map, uint64_t number)
{
	uint64_t offset = RECORD_HEADER_BYTES + number * RECORD_BLOCK_BYTES;
	uint8_t *memory = atomic_load(&map->whole);
	struct recording_window *window = &map->windows[offset / map->window_bytes];

	if (memory)
		return (struct record_block *)(memory + offset);
	if (!use(window))
		return NULL;
	memory = atomic_load(&window->memory);
	if (!memory && !restriction_is_filter()) {
		memory = map_window(map, offset / map->window_bytes);
		if (is_frugal(map))
			unmap_unused(map);
	}
	if (memory)
		return (struct record_block *)(memory + offset % map->window_bytes);
	atomic_fetch_sub(&window->users, 1);
	return NULL;
}

void recording_map_leave(struct recording_map *map, uint64_t number)
{
	uint64_t offset = RECORD_HEADER_BYTES + number * RECORD_BLOCK_BYTES;
	struct recording_window *window = &map->windows[offset / map->window_bytes];
	uint32_t users = atomic_load(&window->users);

	/* A block that was taken while the file was mapped whole has no user. */
	while ((users & ~RECORDING_WINDOW_BUSY) != 0 &&
	       !atomic_compare_exchange_weak(&window->users, &users, users - 1))
		;
}

void recording_map_save_memory(struct recording_map *map)
{
	atomic_store(&map->is_frugal, true);
	unmap_unused(map);
}

void recording_map_unlock(const struct recording_map *map)
{
	raw_syscall2(SYS_munlock, (long)map->header, (long)mapped_header_bytes(map));
	for (uint64_t i = 0; i < window_count(map); i++) {
		const uint8_t *memory = atomic_load(&map->windows[i].memory);
		const uint8_t *anchor = atomic_load(&map->windows[i].anchor);

		if (memory)
			raw_syscall2(SYS_munlock, (long)memory, (long)window_size(map, i));
		if (anchor)
			raw_syscall2(SYS_munlock, (long)anchor, ANCHOR_BYTES);
	}
}

void recording_map_whole(struct recording_map *map)
{
	uint8_t *none = NULL;
	long at;

	if (atomic_load(&map->whole))
		return;
	at = map_from((uint8_t *)map->header, map->file_bytes);
	if (is_address(at) && !atomic_compare_exchange_strong(&map->whole, &none, (uint8_t *)at))
		raw_unmap((void *)at, (size_t)map->file_bytes);
}

void recording_map_end(struct recording_map *map)
{
	uint8_t *whole = atomic_load(&map->whole);

	if (whole && whole != (uint8_t *)map->header)
		raw_unmap(whole, (size_t)map->file_bytes);
	for (uint64_t i = 0; map->windows && i < window_count(map); i++) {
		uint8_t *memory = atomic_load(&map->windows[i].memory);
		uint8_t *anchor = atomic_load(&map->windows[i].anchor);

		if (memory)
			raw_unmap(memory, (size_t)window_size(map, i));
		if (anchor && i > 0)
			raw_unmap(anchor, ANCHOR_BYTES);
	}
	if (map->windows)
		raw_unmap(map->windows, (size_t)window_count(map) * sizeof(*map->windows));
	if (map->header)
		raw_unmap(map->header, (size_t)mapped_header_bytes(map));
}
