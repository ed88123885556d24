#include "cli/symbols.h"

#include <dlfcn.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/complain.h"

enum { NAME_BYTES = 160, CACHED = 4096 };

/* What was found for an address of the current recording. */
struct cached {
	uint64_t address;
	char *text;
};

static const struct recording *current;
static size_t reported; /* of its modules */
static Dwfl *dwfl;
static struct cached cache[CACHED];
static char *(*demangle)(const char *name, char *buffer, size_t *size, int *status);

static void forget(void)
{
	if (dwfl)
		dwfl_end(dwfl);
	dwfl = NULL;
	reported = 0;
	for (size_t i = 0; i < CACHED; i++) {
		free(cache[i].text);
		cache[i] = (struct cached){0};
	}
}

void symbols_use(const struct recording *recording)
{
	if (recording == current)
		return;
	forget();
	current = recording;
}

void symbols_end(void)
{
	forget();
	current = NULL;
}

/* How far a file's own addresses lie below those of the process: of the segment that the mapping is
 * of. */
static bool find_bias(const struct module *module, uint64_t *bias)
{
	int fd = open(module->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	Elf *elf = fd < 0 ? NULL : elf_begin(fd, ELF_C_READ_MMAP, NULL);
	bool is_found = false;
	size_t count;

	if (elf && elf_getphdrnum(elf, &count) == 0) {
		for (size_t i = 0; i < count && !is_found; i++) {
			GElf_Phdr segment;

			if (!gelf_getphdr(elf, (int)i, &segment) || segment.p_type != PT_LOAD ||
			    !(segment.p_flags & PF_X) ||
			    module->offset + 4096 <= segment.p_offset ||
			    module->offset >= segment.p_offset + segment.p_filesz)
				continue;
			*bias = module->start - module->offset + segment.p_offset - segment.p_vaddr;
			is_found = true;
		}
	}
	elf_end(elf);
	if (fd >= 0)
		close(fd);
	return is_found;
}

static void start(void)
{
	static char *debug_path = NULL;
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_build_id_find_elf,
		.find_debuginfo = dwfl_standard_find_debuginfo,
		.debuginfo_path = &debug_path,
	};
	static bool is_begun;

	if (!is_begun) {
		void *library = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_LOCAL);

		is_begun = true;
		elf_version(EV_CURRENT);
		unsetenv("DEBUGINFOD_URLS"); /* nothing is fetched */
		if (library)
			demangle = (__typeof__(demangle))dlsym(library, "__cxa_demangle");
	}
	dwfl = dwfl_begin(&callbacks);
}

/* The recording's modules that have been read since; of the same place the newest counts. */
static void report_modules(void)
{
	if (!dwfl)
		start();
	if (!dwfl || reported == current->module_count)
		return;
	dwfl_report_begin_add(dwfl);
	for (; reported < current->module_count; reported++) {
		const struct module *module = &current->modules[reported];
		uint64_t bias;

		if (find_bias(module, &bias))
			dwfl_report_elf(dwfl, module->path, module->path, -1, bias, true);
	}
	dwfl_report_end(dwfl, NULL, NULL);
}

static const struct module *find_module(uint64_t address)
{
	for (size_t i = current->module_count; i-- > 0;)
		if (address >= current->modules[i].start && address < current->modules[i].end)
			return &current->modules[i];
	return NULL;
}

static void append_printable(struct strbuf *buf, const char *text, size_t most)
{
	for (size_t i = 0; i < most && text[i]; i++)
		strbuf_char(buf, text[i] >= ' ' && text[i] < 0x7f ? text[i] : '?');
}

static void append_name(struct strbuf *buf, const char *name)
{
	int status = -1;
	char *readable = demangle && strncmp(name, "_Z", 2) == 0
				 ? demangle(name, NULL, NULL, &status)
				 : NULL;

	append_printable(buf, status == 0 ? readable : name, NAME_BYTES);
	free(readable);
}

static void append_source(struct strbuf *buf, Dwfl_Module *module, uint64_t address)
{
	Dwfl_Line *line = dwfl_module_getsrc(module, address);
	const char *file, *slash;
	int number = 0;

	file = line ? dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL) : NULL;
	if (!file || number <= 0)
		return;
	slash = strrchr(file, '/');
	strbuf_char(buf, ' ');
	append_printable(buf, slash ? slash + 1 : file, 48);
	strbuf_char(buf, ':');
	strbuf_integer(buf, number);
}

/* A return address may be the first behind its function: the call stands before it. */
static void resolve(struct strbuf *buf, uint64_t address)
{
	const struct module *module = find_module(address);
	Dwfl_Module *found;
	const char *name = NULL;
	GElf_Off offset = 0;
	uint64_t bias;
	GElf_Sym symbol;

	if (!module) {
		strbuf_char(buf, '?');
		return;
	}
	report_modules();
	found = dwfl ? dwfl_addrmodule(dwfl, address - 1) : NULL;
	if (found)
		name = dwfl_module_addrinfo(found, address - 1, &offset, &symbol, NULL, NULL, NULL);
	append_printable(buf, module->path, 96);
	strbuf_char(buf, '(');
	if (name)
		append_name(buf, name);
	strbuf_string(buf, "+0x");
	if (!name && !find_bias(module, &bias))
		bias = module->start - module->offset;
	strbuf_lower_hex(buf, name ? offset + 1 : address - bias);
	strbuf_char(buf, ')');
	if (found)
		append_source(buf, found, address - 1);
}

void symbols_append(struct strbuf *buf, uint64_t address)
{
	struct cached *cached = &cache[address * UINT64_C(0x9e3779b97f4a7c15) >> 52];

	if (!current)
		return;
	if (!cached->text || cached->address != address) {
		char text[512];
		struct strbuf found;

		strbuf_init(&found, text, sizeof(text) - 1);
		resolve(&found, address);
		text[found.size] = '\0';
		free(cached->text);
		*cached = (struct cached){address, duplicate(text)};
	}
	strbuf_string(buf, cached->text);
}
