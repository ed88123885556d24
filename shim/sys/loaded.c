#include "sys/loaded.h"

#include <stdbool.h>
#include <stddef.h>

#include "sys/image.h"

/* Made by the linker: the start of this object. */
extern const char this_object[] __asm__("__ehdr_start") __attribute__((visibility("hidden")));

struct search {
	const char *name;
	bool is_there; /* the objects from here on are searched */
	void *found;
};

static const ElfW(Phdr) * find_dynamic(const struct dl_phdr_info *object)
{
	for (unsigned i = 0; i < object->dlpi_phnum; i++)
		if (object->dlpi_phdr[i].p_type == PT_DYNAMIC)
			return &object->dlpi_phdr[i];
	return NULL;
}

static bool contains(const struct dl_phdr_info *object, uintptr_t address)
{
	for (unsigned i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];

		if (segment->p_type == PT_LOAD &&
		    address - (object->dlpi_addr + segment->p_vaddr) < segment->p_memsz)
			return true;
	}
	return false;
}

static int search_object(struct dl_phdr_info *object, size_t size, void *argument)
{
	const ElfW(Phdr) *dynamic = find_dynamic(object);
	struct search *search = argument;
	struct image image;

	(void)size;
	if (!search->is_there) {
		search->is_there = contains(object, (uintptr_t)this_object);
		return 0;
	}
	if (dynamic && image_read(&image, object->dlpi_addr,
				  (const ElfW(Dyn) *)(object->dlpi_addr + dynamic->p_vaddr),
				  dynamic->p_flags & PF_W))
		search->found = image_find(&image, search->name);
	return search->found != NULL;
}

void *loaded_find_next(const char *name)
{
	struct search search = {.name = name};

	dl_iterate_phdr(search_object, &search);
	return search.found;
}

void *loaded_find(const char *name)
{
	struct search search = {.name = name, .is_there = true};

	dl_iterate_phdr(search_object, &search);
	return search.found;
}

struct containing {
	uintptr_t address, base;
};

static int note_if_containing(struct dl_phdr_info *object, size_t size, void *argument)
{
	struct containing *search = argument;

	(void)size;
	if (!contains(object, search->address))
		return 0;
	/* An object that is not position-independent has bias 0; its headers tell it from the next.
	 */
	search->base = (uintptr_t)object->dlpi_phdr;
	return 1;
}

uintptr_t loaded_base(const void *address)
{
	struct containing search = {.address = (uintptr_t)address};

	dl_iterate_phdr(note_if_containing, &search);
	return search.base;
}
