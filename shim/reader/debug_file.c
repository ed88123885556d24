#include "reader/debug_file.h"

#include <dlfcn.h>
#include <elfutils/libdwfl.h>
#include <gelf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Where libdwfl is told that a file is mapped: it takes 0 for no address. A file that is not
 * relocatable keeps its own addresses. */
static const GElf_Addr base = UINT64_C(1) << 32;

static int (*open_file)(const char *path);
static char *(*demangle)(const char *name, char *buffer, size_t *size, int *status);

void debug_file_start(int (*opener)(const char *path))
{
	void *library = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_LOCAL);

	if (library)
		demangle = (__typeof__(demangle))dlsym(library, "__cxa_demangle");
	open_file = opener;
	elf_version(EV_CURRENT);
}

/* Computes the checksum that a .gnu_debuglink section has beside the name of a file. */
static GElf_Word checksum(int fd)
{
	static uint32_t table[256];
	unsigned char bytes[16384];
	uint32_t sum = UINT32_MAX;
	off_t offset = 0;
	ssize_t got;

	for (uint32_t i = 0; i < 256 && table[255] == 0; i++) {
		table[i] = i;
		for (unsigned bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320 : 0);
	}
	while ((got = pread(fd, bytes, sizeof(bytes), offset)) > 0) {
		for (ssize_t i = 0; i < got; i++)
			sum = sum >> 8 ^ table[(sum ^ bytes[i]) & 0xff];
		offset += got;
	}
	return ~sum;
}

/* Finds the file with debug data of the same build id. Returns its descriptor, -1 if there is none.
 */
static int find_by_build_id(Dwfl_Module *module, char path[PATH_MAX])
{
	const unsigned char *bits;
	GElf_Addr where;
	int count = dwfl_module_build_id(module, &bits, &where);
	size_t at;

	if (count < 2 || count > 64)
		return -1;
	at = (size_t)sprintf(path, "/usr/lib/debug/.build-id/%02x/", bits[0]);
	for (int i = 1; i < count; i++)
		at += (size_t)sprintf(path + at, "%02x", bits[i]);
	strcpy(path + at, ".debug");
	return open_file(path);
}

/* Finds the file with debug data by the name and the checksum in .gnu_debuglink. */
static int find_by_link(const char *file, const char *link, GElf_Word sum, char path[PATH_MAX])
{
	static const char *const places[] = {"%.*s/%s", "%.*s/.debug/%s", "/usr/lib/debug%.*s/%s"};
	const char *slash = strrchr(file, '/');
	int folder_size = slash ? (int)(slash - file) : 0;

	for (unsigned i = 0; slash && !strchr(link, '/') && i < 3; i++) {
		int size = snprintf(path, PATH_MAX, places[i], folder_size, file, link), fd;

		fd = size < PATH_MAX ? open_file(path) : -1;
		if (fd >= 0 && checksum(fd) == sum)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -1;
}

/* A Dwfl_Callbacks::find_debuginfo, which asks for files instead of opening them as libdwfl's own
 * does. If there is no checksum, link names a file of debug data that several files share. */
static int find_debuginfo(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr start,
			  const char *file, const char *link, GElf_Word sum, char **found)
{
	char path[PATH_MAX];
	const char *shared = link && sum == 0 ? strstr(link, "/.dwz/") : NULL;
	int fd = -1;

	(void)data;
	(void)name;
	(void)start;
	if (shared) {
		if (snprintf(path, sizeof(path), "/usr/lib/debug%s", shared) < PATH_MAX)
			fd = open_file(path);
	} else {
		fd = find_by_build_id(module, path);
		if (fd < 0 && link && sum != 0 && file)
			fd = find_by_link(file, link, sum, path);
	}
	if (fd >= 0)
		*found = strdup(path);
	return fd;
}

void debug_file_load(struct debug_file *to, const char *path, int fd)
{
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_build_id_find_elf,
		.find_debuginfo = find_debuginfo,
	};

	to->path = strdup(path);
	to->dwfl = dwfl_begin(&callbacks);
	if (!to->dwfl || !to->path)
		return;
	dwfl_report_begin(to->dwfl);
	to->module = dwfl_report_elf(to->dwfl, to->path, to->path, fd, base, true);
	dwfl_report_end(to->dwfl, NULL, NULL);
}

/* Converts an offset in the file to an address, by the segment with code that it is in. */
static bool find_address(Elf *elf, uint64_t offset, uint64_t *address)
{
	size_t count;

	if (!elf || elf_getphdrnum(elf, &count) != 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr segment;

		if (!gelf_getphdr(elf, (int)i, &segment) || segment.p_type != PT_LOAD ||
		    !(segment.p_flags & PF_X) || offset < segment.p_offset ||
		    offset - segment.p_offset >= segment.p_filesz)
			continue;
		*address = offset - segment.p_offset + segment.p_vaddr;
		return true;
	}
	return false;
}

/* Copies a name, in the form of the source if it is a C++ name. */
static void copy_name(char *to, const char *name)
{
	int status = -1;
	char *readable = demangle && strncmp(name, "_Z", 2) == 0
				 ? demangle(name, NULL, NULL, &status)
				 : NULL;

	resolved_copy(to, RESOLVED_NAME_BYTES, status == 0 ? readable : name);
	free(readable);
}

/* Finds the source line of an address. */
static void find_source(Dwfl_Module *module, uint64_t address, struct resolved *to)
{
	Dwfl_Line *line = dwfl_module_getsrc(module, address);
	const char *file, *slash;
	int number = 0;

	file = line ? dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL) : NULL;
	if (!file || number <= 0)
		return;
	slash = strrchr(file, '/');
	resolved_copy(to->source, sizeof(to->source), slash ? slash + 1 : file);
	to->line = (uint32_t)number;
}

void debug_file_resolve(const struct debug_file *file, uint64_t offset, struct resolved *to)
{
	GElf_Addr bias = 0;
	GElf_Off in_function = 0;
	GElf_Sym symbol;
	const char *name;

	to->address = offset;
	if (!file->module ||
	    !find_address(dwfl_module_getelf(file->module, &bias), offset, &to->address))
		return;
	name = dwfl_module_addrinfo(file->module, bias + to->address, &in_function, &symbol, NULL,
				    NULL, NULL);
	if (name)
		copy_name(to->name, name);
	to->offset = in_function;
	find_source(file->module, bias + to->address, to);
}
