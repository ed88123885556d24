#include "sys/loaded.h"

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/auxv.h>

#include "sys/image.h"

#pragma weak _r_debug

/* Made by the linker: this object's dynamic section. */
extern const ElfW(Dyn) own_dynamic[] __asm__("_DYNAMIC") __attribute__((visibility("hidden")));

/* In no object but libc. */
static const char libc_mark[] = "__libc_start_main";

/* The kernel's image: its values are not addresses, unlike those of the others. */
enum { MOST_VDSO_BYTES = 1 << 16 };

static const struct link_map *first_object(void)
{
	return &_r_debug ? _r_debug.r_map : NULL;
}

static bool read_object(const struct link_map *object, struct image *image)
{
	uintptr_t vdso = getauxval(AT_SYSINFO_EHDR);

	if (vdso != 0 && (uintptr_t)object->l_ld - vdso < MOST_VDSO_BYTES)
		return false;
	return image_read(image, object->l_addr, object->l_ld, true);
}

/* Searches from one object on. */
static void *find_from(const struct link_map *object, const char *name)
{
	struct image image;
	void *found = NULL;

	for (; object && !found; object = object->l_next)
		if (read_object(object, &image))
			found = image_find(&image, name);
	return found;
}

void *loaded_find(const char *name)
{
	return find_from(first_object(), name);
}

void *loaded_find_next(const char *name)
{
	const struct link_map *object = first_object();

	while (object && object->l_ld != own_dynamic)
		object = object->l_next;
	return object ? find_from(object->l_next, name) : NULL;
}

void *loaded_find_in_libc(const char *name)
{
	struct image image;

	for (const struct link_map *object = first_object(); object; object = object->l_next)
		if (read_object(object, &image) && image_find(&image, libc_mark))
			return image_find(&image, name);
	return NULL;
}
