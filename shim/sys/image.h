/*
 * image: the symbols of an ELF object as it lies in memory (elf(5)).
 *
 * Context: the constructor, or wherever a missing function of libc is looked up. The object must
 * stay loaded meanwhile. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef SYS_IMAGE_H
#define SYS_IMAGE_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

struct image {
	uintptr_t bias; /* what is added to an address of the file to get one in memory */
	const ElfW(Sym) * symbols;
	const char *names;
	const uint16_t *versions; /* of the symbols; NULL: they have none */
	const uint32_t *hash;     /* DT_HASH, or NULL */
	const uint32_t *gnu_hash; /* DT_GNU_HASH, or NULL */
};

/* Reads the tables of the object with this bias and dynamic section. has_addresses: the loader has
 * made the section's values addresses in memory, which glibc does where the section is writable.
 * Returns false if the object has no symbols that could be found. */
bool image_read(struct image *image, uintptr_t bias, const ElfW(Dyn) * dynamic, bool has_addresses);

/* Returns the address of a function or an object that the image defines, or NULL. Of several
 * versions the default one counts, as it does for dlsym. */
void *image_find(const struct image *image, const char *name);

#endif
