#include "sys/image.h"

#include <stddef.h>
#include <string.h>

/* In DT_VERSYM: not the default version of the name. */
#define VERSION_HIDDEN 0x8000

bool image_read(struct image *image, uintptr_t bias, const ElfW(Dyn) * dynamic, bool has_addresses)
{
	*image = (struct image){.bias = bias};
	for (; dynamic->d_tag != DT_NULL; dynamic++) {
		const void *at =
			(const void *)(dynamic->d_un.d_ptr + (has_addresses ? 0 : image->bias));

		if (dynamic->d_tag == DT_SYMTAB)
			image->symbols = at;
		else if (dynamic->d_tag == DT_STRTAB)
			image->names = at;
		else if (dynamic->d_tag == DT_VERSYM)
			image->versions = at;
		else if (dynamic->d_tag == DT_HASH)
			image->hash = at;
		else if (dynamic->d_tag == DT_GNU_HASH)
			image->gnu_hash = at;
	}
	return image->symbols && image->names && (image->hash || image->gnu_hash);
}

static bool is_called(const struct image *image, uint32_t index, const char *name)
{
	const ElfW(Sym) *symbol = &image->symbols[index];
	unsigned type = ELF64_ST_TYPE(symbol->st_info); /* the same in 32 bits */

	if (symbol->st_shndx == SHN_UNDEF || strcmp(image->names + symbol->st_name, name) != 0)
		return false;
	if (image->versions && image->versions[index] & VERSION_HIDDEN)
		return false;
	return type == STT_FUNC || type == STT_OBJECT || type == STT_NOTYPE ||
	       type == STT_GNU_IFUNC;
}

static uint32_t gnu_hash_of(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

/* Both return the index of the symbol, or 0, which names none. */
static uint32_t find_by_gnu_hash(const struct image *image, const char *name)
{
	const uint32_t *table = image->gnu_hash;
	uint32_t buckets = table[0], first = table[1], filter_words = table[2];
	const uint32_t *bucket = table + 4 + filter_words * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
	const uint32_t *chain = bucket + buckets;
	uint32_t hash = gnu_hash_of(name), index;

	if (buckets == 0)
		return 0;
	index = bucket[hash % buckets];
	if (index < first)
		return 0;
	for (;; index++) {
		uint32_t link = chain[index - first];

		/* The last bit says that the chain ends. */
		if ((link | 1) == (hash | 1) && is_called(image, index, name))
			return index;
		if (link & 1)
			return 0;
	}
}

static uint32_t hash_of(const char *name)
{
	uint32_t hash = 0;

	for (; *name; name++) {
		hash = (hash << 4) + (unsigned char)*name;
		hash ^= (hash & 0xf0000000) >> 24;
		hash &= 0x0fffffff;
	}
	return hash;
}

static uint32_t find_by_hash(const struct image *image, const char *name)
{
	uint32_t buckets = image->hash[0], index;
	const uint32_t *bucket = image->hash + 2, *chain = bucket + buckets;

	if (buckets == 0)
		return 0;
	index = bucket[hash_of(name) % buckets];
	while (index != 0 && !is_called(image, index, name))
		index = chain[index];
	return index;
}

void *image_find(const struct image *image, const char *name)
{
	uint32_t index = image->gnu_hash ? find_by_gnu_hash(image, name)
					 : find_by_hash(image, name);
	const ElfW(Sym) * symbol;
	uintptr_t address;

	if (index == 0)
		return NULL;
	symbol = &image->symbols[index];
	address = image->bias + symbol->st_value;
	/* The value of an indirect function is a function that returns the one to use. */
	if (ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC)
		address = ((uintptr_t(*)(void))address)();
	return (void *)address;
}
