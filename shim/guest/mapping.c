#include "guest/mapping.h"

#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "sys/aside.h"
#include "sys/raw.h"
#include "sys/restriction.h"

enum { MOST_MAPPINGS = 512, MOST_IMAGE = 1 << 30 };

static struct mapping *mappings;
static _Atomic uint32_t mapping_count;
static _Atomic bool is_reading;

bool mapping_start(void)
{
	mappings = raw_map(MOST_MAPPINGS * sizeof(*mappings));
	return mappings != NULL;
}

const struct mapping *mapping_at(uint32_t number)
{
	return number < atomic_load_explicit(&mapping_count, memory_order_acquire)
		       ? &mappings[number]
		       : NULL;
}

/* Returns the newest mapping that contains the address: older ones may have been unmapped. */
static struct mapping *find(uint64_t address)
{
	for (uint32_t i = atomic_load_explicit(&mapping_count, memory_order_acquire); i-- > 0;)
		if (address >= mappings[i].start && address < mappings[i].end)
			return &mappings[i];
	return NULL;
}

static bool read_hex(const char **from, uint64_t *number)
{
	const char *start = *from;

	*number = 0;
	for (;; ++*from) {
		char c = **from;
		unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
				 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
							: 16;

		if (digit == 16)
			return *from != start;
		*number = *number << 4 | digit;
	}
}

static const char *skip_field(const char *from)
{
	while (*from == ' ')
		from++;
	while (*from != '\0' && *from != ' ')
		from++;
	return from;
}

/* Adds the mapping of one line, "START-END rwxp OFFSET DEVICE INODE PATH", given without its
 * newline. */
static void take_line(const char *line)
{
	uint32_t count = atomic_load(&mapping_count);
	struct mapping mapping = {0};
	const char *permissions;
	size_t size;

	if (!read_hex(&line, &mapping.start) || *line++ != '-' || !read_hex(&line, &mapping.end) ||
	    *line++ != ' ')
		return;
	permissions = line;
	line = skip_field(line);
	while (*line == ' ')
		line++;
	if (permissions[0] == '\0' || permissions[1] == '\0' || permissions[2] != 'x' ||
	    !read_hex(&line, &mapping.offset))
		return;
	line = skip_field(skip_field(line));
	while (*line == ' ')
		line++;
	size = strlen(line);
	if (line[0] != '/' || size >= MAPPING_PATH_BYTES || count == MOST_MAPPINGS)
		return;
	for (uint32_t i = 0; i < count; i++)
		if (mappings[i].start == mapping.start && mappings[i].end == mapping.end &&
		    strcmp(mappings[i].path, line) == 0)
			return;
	memcpy(mapping.path, line, size + 1);
	mappings[count] = mapping;
	atomic_store_explicit(&mapping_count, count + 1, memory_order_release);
}

/* Takes the complete lines in text. Returns how many bytes of an incomplete line are left, moved to
 * the beginning. */
static size_t take_lines(char *text, size_t size)
{
	size_t start = 0;

	for (size_t i = 0; i < size; i++) {
		if (text[i] != '\n')
			continue;
		text[i] = '\0';
		take_line(text + start);
		start = i + 1;
	}
	memmove(text, text + start, size - start);
	return size - start;
}

struct room {
	char *text;
	size_t size;
};

static void read_maps(void *argument)
{
	const struct room *room = argument;
	char *text = room->text;
	size_t size = room->size, kept = 0;
	long fd = raw_syscall4(SYS_openat, AT_FDCWD, (long)"/proc/self/maps", O_RDONLY | O_CLOEXEC,
			       0),
	     got;

	if (fd < 0)
		return;
	while (kept < size &&
	       (got = raw_syscall3(SYS_read, fd, (long)(text + kept), (long)(size - kept))) > 0)
		kept = take_lines(text, kept + (size_t)got);
	raw_close((int)fd);
}

void mapping_learn(const uint64_t *addresses, uint32_t count, char *text, size_t size)
{
	struct room room = {text, size};
	bool is_known = true;

	for (uint32_t i = 0; i < count; i++)
		is_known &= find(addresses[i]) != NULL;
	if (is_known || restriction_is_filter() || atomic_exchange(&is_reading, true))
		return;
	aside_run(read_maps, &room);
	atomic_store(&is_reading, false);
}

/* --- Names, from the file's symbol table. Nothing in the file is trusted. --- */

static void map_image(void *argument)
{
	struct mapping *mapping = argument;
	struct stat64 status;
	long at, fd = raw_syscall4(SYS_openat, AT_FDCWD, (long)mapping->path, O_RDONLY | O_CLOEXEC,
				   0);

	if (fd < 0)
		return;
	if (raw_syscall2(RAW_FSTAT, fd, (long)&status) < 0 || !S_ISREG(status.st_mode) ||
	    status.st_size < (long)sizeof(ElfW(Ehdr)) || status.st_size > MOST_IMAGE) {
		raw_close((int)fd);
		return;
	}
	at = raw_syscall6(RAW_MMAP, 0, (long)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	raw_close((int)fd);
	if (at < 0 && at > -4096)
		return;
	mapping->image_bytes = (uint64_t)status.st_size;
	mapping->image = (const uint8_t *)at;
}

static bool has_image(struct mapping *mapping)
{
	if (!mapping->image && !restriction_is_filter())
		aside_run(map_image, mapping);
	return mapping->image != NULL;
}

/* Returns the address of count items of size bytes at offset of the image, or NULL if they are not
 * all inside it. */
static const void *at_offset(const struct mapping *mapping, uint64_t offset, uint64_t count,
			     uint64_t size)
{
	if (offset > mapping->image_bytes || count > (mapping->image_bytes - offset) / size)
		return NULL;
	return mapping->image + offset;
}

/* Converts an address in the process to the file's own address (p_vaddr). */
static bool find_own_address(const struct mapping *mapping, const ElfW(Ehdr) * header,
			     uint64_t address, uint64_t *own)
{
	uint64_t offset = address - mapping->start + mapping->offset;
	const ElfW(Phdr) *segments =
		at_offset(mapping, header->e_phoff, header->e_phnum, sizeof(*segments));

	for (unsigned i = 0; segments && i < header->e_phnum; i++) {
		if (segments[i].p_type != PT_LOAD || offset < segments[i].p_offset ||
		    offset - segments[i].p_offset >= segments[i].p_filesz)
			continue;
		*own = segments[i].p_vaddr + (offset - segments[i].p_offset);
		return true;
	}
	return false;
}

struct symbol {
	const char *name;
	size_t name_size;
	uint64_t start;
};

static bool find_in_table(const struct mapping *mapping, const ElfW(Shdr) * sections,
			  unsigned count, const ElfW(Shdr) * table, uint64_t own,
			  struct symbol *found)
{
	const ElfW(Sym) * symbols;
	const ElfW(Shdr) * strings;
	const char *names;
	uint64_t symbol_count = table->sh_size / sizeof(*symbols);

	if (table->sh_link >= count)
		return false;
	strings = &sections[table->sh_link];
	symbols = at_offset(mapping, table->sh_offset, symbol_count, sizeof(*symbols));
	names = at_offset(mapping, strings->sh_offset, strings->sh_size, 1);
	if (!symbols || !names)
		return false;
	for (uint64_t i = 0; i < symbol_count; i++) {
		const ElfW(Sym) *symbol = &symbols[i];
		unsigned type = ELF64_ST_TYPE(symbol->st_info);
		const char *end;

		if ((type != STT_FUNC && type != STT_GNU_IFUNC) || symbol->st_shndx == SHN_UNDEF ||
		    own < symbol->st_value || own - symbol->st_value >= symbol->st_size ||
		    symbol->st_name >= strings->sh_size)
			continue;
		end = memchr(names + symbol->st_name, '\0',
			     (size_t)(strings->sh_size - symbol->st_name));
		if (!end)
			continue;
		*found = (struct symbol){names + symbol->st_name,
					 (size_t)(end - (names + symbol->st_name)),
					 symbol->st_value};
		return true;
	}
	return false;
}

/* Finds the symbol in the full symbol table, or in the dynamic one if the full one was stripped. */
static bool find_symbol(const struct mapping *mapping, const ElfW(Ehdr) * header, uint64_t own,
			struct symbol *found)
{
	static const uint32_t kinds[] = {SHT_SYMTAB, SHT_DYNSYM};
	const ElfW(Shdr) *sections =
		at_offset(mapping, header->e_shoff, header->e_shnum, sizeof(*sections));

	for (unsigned kind = 0; sections && kind < 2; kind++)
		for (unsigned i = 0; i < header->e_shnum; i++)
			if (sections[i].sh_type == kinds[kind] &&
			    find_in_table(mapping, sections, header->e_shnum, &sections[i], own,
					  found))
				return true;
	return false;
}

/* Looks up address - 1: a return address may be the first byte after its function, and the call
 * instruction is before it. */
void mapping_symbol(struct strbuf *buf, uint64_t address)
{
	struct mapping *mapping = find(address);
	const ElfW(Ehdr) * header;
	struct symbol symbol;
	uint64_t own;

	if (!mapping) {
		strbuf_char(buf, '?');
		return;
	}
	strbuf_string(buf, mapping->path);
	strbuf_char(buf, '(');
	header = has_image(mapping) ? (const ElfW(Ehdr) *)mapping->image : NULL;
	if (header && memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
	    find_own_address(mapping, header, address - 1, &own)) {
		if (find_symbol(mapping, header, own, &symbol)) {
			strbuf_printable(buf, symbol.name,
					 symbol.name_size < 96 ? symbol.name_size : 96);
			own -= symbol.start;
		}
		strbuf_string(buf, "+0x");
		strbuf_lower_hex(buf, own + 1);
	}
	strbuf_char(buf, ')');
}
