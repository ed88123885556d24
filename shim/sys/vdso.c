#include "sys/vdso.h"

#include <elf.h>
#include <stddef.h>
#include <string.h>

#if defined(__aarch64__)
static const char clock_name[] = "__kernel_clock_gettime";
#else
static const char clock_name[] = "__vdso_clock_gettime";
#endif

struct image {
	uintptr_t bias; /* what is added to an address of the file to get one in memory */
	const Elf64_Dyn *dynamic;
	const Elf64_Sym *symbols;
	const char *names;
	const uint32_t *hash; /* its second word is the number of symbols; NULL: no such table */
};

static void read_segments(struct image *image, uintptr_t at)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)at;
	const Elf64_Phdr *segment = (const Elf64_Phdr *)(at + header->e_phoff);
	uintptr_t dynamic = 0;

	for (unsigned i = 0; i < header->e_phnum; i++) {
		if (segment[i].p_type == PT_LOAD && image->bias == 0)
			image->bias = at + segment[i].p_offset - segment[i].p_vaddr;
		else if (segment[i].p_type == PT_DYNAMIC)
			dynamic = at + segment[i].p_offset;
	}
	image->dynamic = (const Elf64_Dyn *)dynamic;
}

static void read_tables(struct image *image)
{
	for (const Elf64_Dyn *entry = image->dynamic; entry->d_tag != DT_NULL; entry++) {
		uintptr_t at = image->bias + entry->d_un.d_ptr;

		if (entry->d_tag == DT_SYMTAB)
			image->symbols = (const Elf64_Sym *)at;
		else if (entry->d_tag == DT_STRTAB)
			image->names = (const char *)at;
		else if (entry->d_tag == DT_HASH)
			image->hash = (const uint32_t *)at;
	}
}

/* Returns the number of symbols. Without a hash table, the strings are assumed to follow the
 * symbols directly. */
static size_t count_symbols(const struct image *image)
{
	uintptr_t end = (uintptr_t)image->names, start = (uintptr_t)image->symbols;

	if (image->hash)
		return image->hash[1];
	return end > start ? (end - start) / sizeof(Elf64_Sym) : 0;
}

vdso_clock_gettime *vdso_find_clock(uintptr_t at)
{
	struct image image = {0};

	if (at == 0)
		return NULL;
	read_segments(&image, at);
	if (!image.dynamic)
		return NULL;
	read_tables(&image);
	if (!image.symbols || !image.names)
		return NULL;
	for (size_t i = 0; i < count_symbols(&image); i++)
		if (image.symbols[i].st_shndx != SHN_UNDEF &&
		    strcmp(image.names + image.symbols[i].st_name, clock_name) == 0)
			return (vdso_clock_gettime *)(image.bias + image.symbols[i].st_value);
	return NULL;
}
