#include "reader/symbols.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "reader/complain.h"
#include "reader/printable.h"
#include "reader/resolver.h"

enum { CACHED = 4096, PATH_SHOWN = 96 };

/* What was found for an address of a recording. */
struct cached {
	const struct reader *reader;
	size_t module_count; /* how many were known then */
	uint64_t address;
	char *text;
};

static bool is_forbidden;
static const struct reader *current;
static struct cached cache[CACHED];
static void *files; /* tsearch's, of struct resolver_file, by their paths */

void symbols_forbid(void)
{
	is_forbidden = true;
}

void symbols_use(const struct reader *reader)
{
	current = reader;
}

static void free_file(void *file)
{
	free((char *)(uintptr_t)((struct resolver_file *)file)->path);
	free(file);
}

void symbols_end(void)
{
	resolver_end();
	tdestroy(files, free_file);
	files = NULL;
	for (size_t i = 0; i < CACHED; i++) {
		free(cache[i].text);
		cache[i] = (struct cached){0};
	}
	current = NULL;
}

static int compare_files(const void *a, const void *b)
{
	const struct resolver_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

/* Returns the file of this path, NULL if there is not enough memory. */
static struct resolver_file *file_of(const char *path)
{
	const struct resolver_file key = {.path = path};
	struct resolver_file **found = tfind(&key, &files, compare_files), *file;

	if (found)
		return *found;
	file = allocate(sizeof(*file));
	*file = (struct resolver_file){.path = duplicate(path)};
	if (tsearch(file, &files, compare_files))
		return file;
	free_file(file);
	return NULL;
}

/* Whether the files that a recording names may be opened: its owner can write any path to it. */
static bool is_trusted(const struct reader *reader)
{
	static bool is_reported;

	if (!reader->is_foreign || is_forbidden)
		return !is_forbidden;
	if (!is_reported)
		complain("%s belongs to another user: the files that it names are not opened, so "
			 "functions have no names (run the report as that user, or on a copy that "
			 "you trust)",
			 reader->path);
	is_reported = true;
	return false;
}

static void append_limited(struct strbuf *buf, const char *text, size_t most)
{
	printable_append(buf, text, strnlen(text, most));
}

/* The address before a return address is looked up: if the call is the last instruction of its
 * function, the return address is already in the next one. */
void symbols_append_in(struct strbuf *buf, const struct module *module, uint64_t address,
		       bool is_short)
{
	const char *slash = is_short ? strrchr(module->path, '/') : NULL;
	struct resolved found = {0};
	struct resolver_file *file;

	found.address = address - 1 - module->start + module->offset;
	file = module->path[0] == '/' && is_trusted(current) ? file_of(module->path) : NULL;
	if (file)
		resolver_ask(file, found.address, &found);
	append_limited(buf, slash ? slash + 1 : module->path, PATH_SHOWN);
	strbuf_char(buf, '(');
	append_limited(buf, found.name, sizeof(found.name));
	strbuf_string(buf, "+0x");
	strbuf_lower_hex(buf, (found.name[0] ? found.offset : found.address) + 1);
	strbuf_char(buf, ')');
	if (found.line == 0)
		return;
	strbuf_char(buf, ' ');
	append_limited(buf, found.source, sizeof(found.source));
	strbuf_char(buf, ':');
	strbuf_unsigned(buf, found.line);
}

/* Appends the function that a return address is in. */
static void resolve(struct strbuf *buf, uint64_t address)
{
	size_t module;

	if (reader_find_module(current, address, &module))
		symbols_append_in(buf, &current->modules[module], address, false);
	else
		strbuf_char(buf, '?');
}

void symbols_append(struct strbuf *buf, uint64_t address)
{
	struct cached *cached = &cache[address * UINT64_C(0x9e3779b97f4a7c15) >> 52];

	if (!current)
		return;
	if (!cached->text || cached->address != address || cached->reader != current ||
	    cached->module_count != current->module_count) {
		char text[512];
		struct strbuf found;

		strbuf_init(&found, text, sizeof(text) - 1);
		resolve(&found, address);
		text[found.size] = '\0';
		free(cached->text);
		*cached = (struct cached){current, current->module_count, address, duplicate(text)};
	}
	strbuf_string(buf, cached->text);
}
