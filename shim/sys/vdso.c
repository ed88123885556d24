#include "sys/vdso.h"

#include <elf.h>
#include <stddef.h>

#include "sys/image.h"

#if defined(__aarch64__)
static const char clock_name[] = "__kernel_clock_gettime";
#else
static const char clock_name[] = "__vdso_clock_gettime";
#endif

void *vdso_find(uintptr_t at, const char *name)
{
	const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)at;
	const ElfW(Dyn) *dynamic = NULL;
	const ElfW(Phdr) * segment;
	struct image image;
	uintptr_t bias = 0;

	if (at == 0)
		return NULL;
	segment = (const ElfW(Phdr) *)(at + header->e_phoff);
	for (unsigned i = 0; i < header->e_phnum; i++) {
		if (segment[i].p_type == PT_LOAD && bias == 0)
			bias = at + segment[i].p_offset - segment[i].p_vaddr;
		else if (segment[i].p_type == PT_DYNAMIC)
			dynamic = (const ElfW(Dyn) *)(at + segment[i].p_offset);
	}
	if (!dynamic || !image_read(&image, bias, dynamic, false))
		return NULL;
	return image_find(&image, name);
}

vdso_clock_gettime *vdso_find_clock(uintptr_t at)
{
	return (vdso_clock_gettime *)vdso_find(at, clock_name);
}
