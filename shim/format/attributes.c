#include "format/attributes.h"

#include <string.h>

#include "format/json.h"
#include "format/utf8.h"

/* What the library writes itself. */
static const char *const own_names[] = {
	"host.name",
	"host.boot.id",
	"container.id",
	"process.linux.cgroup",
	"process.creation.time",
};

/* Begin names of other members of our objects, and of what OpenTelemetry has for them. */
static const char *const reserved[] = {
	"process.", "network.", "host.", "container.", "thread.", "error.", "notes.",
};

static const struct {
	const char *key, *name;
} short_names[] = {
	{"service", "service.name"},
	{"version", "service.version"},
	{"namespace", "service.namespace"},
	{"instance", "service.instance.id"},
	{"environment", "deployment.environment.name"},
};

bool attributes_next(const char **list, struct word *name, const char **value)
{
	const char *equals;

	if (!*list || **list == '\0')
		return false;
	equals = strchr(*list, '=');
	if (!equals)
		return false;
	*name = (struct word){*list, (size_t)(equals - *list)};
	*value = equals + 1;
	*list = *value + strlen(*value) + 1;
	return true;
}

const char *attributes_find(const char *list, const char *name)
{
	struct word found;
	const char *value;

	while (attributes_next(&list, &found, &value))
		if (word_is(found, name))
			return value;
	return NULL;
}

/* Returns the size of the character that the text begins with, 0 if a value may not have it. */
static size_t character_size(const char *text, size_t size)
{
	unsigned char first = (unsigned char)text[0];

	if (first < ' ' || first == 0x7f || first == '"' || first == '\\')
		return 0;
	return utf8_size((const uint8_t *)text, size);
}

void attributes_add(struct strbuf *list, const char *name, struct word value)
{
	/* Its zero, and that of the list. */
	if (value.size == 0 || list->capacity - list->size < strlen(name) + value.size + 3)
		return;
	strbuf_string(list, name);
	strbuf_char(list, '=');
	while (value.size > 0) {
		size_t size = character_size(value.text, value.size);

		if (size == 0)
			strbuf_char(list, '?');
		else
			strbuf_bytes(list, value.text, size);
		size += size == 0;
		value.text += size;
		value.size -= size;
	}
	strbuf_char(list, '\0');
}

static bool has_prefix(struct word name, const char *prefix)
{
	size_t size = strlen(prefix);

	return name.size >= size && memcmp(name.text, prefix, size) == 0;
}

/* Returns whether it is letters, digits, '_' and '.', a letter first, and no part is empty. */
static bool is_name(struct word name)
{
	if (name.size == 0 || name.text[0] < 'a' || name.text[0] > 'z' ||
	    name.text[name.size - 1] == '.')
		return false;
	for (size_t i = 0; i < name.size; i++) {
		char c = name.text[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
		      (c == '.' && name.text[i - 1] != '.')))
			return false;
	}
	return true;
}

static bool is_reserved(struct word name)
{
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (has_prefix(name, reserved[i]))
			return true;
	return false;
}

static bool is_value(struct word value)
{
	size_t taken;

	for (size_t i = 0; i < value.size; i += taken) {
		taken = character_size(value.text + i, value.size - i);
		if (taken == 0)
			return false;
	}
	return value.size > 0;
}

static bool read_tag(struct strbuf *list, struct word key, struct word value)
{
	char name[ATTRIBUTES_TAG_BYTES];
	struct strbuf buf;

	if (!is_name(key) || is_reserved(key) || !is_value(value))
		return false;
	strbuf_init(&buf, name, sizeof(name) - 1);
	for (size_t i = 0; i < sizeof(short_names) / sizeof(short_names[0]); i++)
		if (word_is(key, short_names[i].key))
			strbuf_string(&buf, short_names[i].name);
	if (buf.size == 0) {
		strbuf_string(&buf, memchr(key.text, '.', key.size) ? "" : "tag.");
		strbuf_bytes(&buf, key.text, key.size);
	}
	name[buf.size] = '\0';
	if (buf.is_cut || list->size + buf.size + value.size + 3 > ATTRIBUTES_TAG_BYTES)
		return false;
	list->text[list->size] = '\0';
	if (attributes_find(list->text, name))
		return false;
	attributes_add(list, name, value);
	return true;
}

bool attributes_read_tags(struct strbuf *list, const char *value)
{
	struct word key, after;

	while (word_next(&value, ',', &key))
		if (!word_cut(&key, '=', &after) || !read_tag(list, key, after))
			return false;
	return true;
}

static bool is_own(struct word name)
{
	for (size_t i = 0; i < sizeof(own_names) / sizeof(own_names[0]); i++)
		if (word_is(name, own_names[i]))
			return true;
	return false;
}

static bool has_before(const char *list, const char *end, struct word wanted)
{
	struct word name;
	const char *value;

	while (list < end && attributes_next(&list, &name, &value))
		if (name.size == wanted.size && memcmp(name.text, wanted.text, name.size) == 0)
			return value < end;
	return false;
}

bool attributes_are_valid(const char *list, size_t size)
{
	const char *at = list, *value;
	struct word name;

	if (size < 2 || size > ATTRIBUTES_BYTES || list[size - 1] != '\0' || list[size - 2] != '\0')
		return false;
	while (*at != '\0') {
		const char *this = at;

		if (!attributes_next(&at, &name, &value) || !is_name(name) ||
		    !is_value(word_of(value)) || (is_reserved(name) && !is_own(name)) ||
		    !memchr(name.text, '.', name.size) || has_before(list, this, name))
			return false;
	}
	return at == list + size - 1;
}

size_t attributes_size(const char *list)
{
	const char *at = list;

	while (*at != '\0')
		at += strlen(at) + 1;
	return (size_t)(at - list) + 1;
}

void attributes_copy(char to[ATTRIBUTES_BYTES], const char *list)
{
	if (list)
		memcpy(to, list, attributes_size(list));
	else
		to[0] = '\0';
}

void attributes_keep_common(char *list, const char *other)
{
	const char *at = list, *this = list, *value;
	char *to = list;
	struct word name;

	while (attributes_next(&at, &name, &value)) {
		char copy[ATTRIBUTES_BYTES];
		const char *found = NULL;
		size_t size = (size_t)(at - this);

		if (name.size < sizeof(copy)) {
			memcpy(copy, name.text, name.size);
			copy[name.size] = '\0';
			found = attributes_find(other, copy);
		}
		if (found && strcmp(found, value) == 0) {
			memmove(to, this, size);
			to += size;
		}
		this = at;
	}
	*to = '\0';
}

void attributes_json(struct strbuf *buf, const char *list)
{
	struct word name;
	const char *value;

	while (attributes_next(&list, &name, &value)) {
		strbuf_string(buf, ",\"");
		strbuf_bytes(buf, name.text, name.size);
		strbuf_string(buf, "\":");
		json_string(buf, value, strlen(value));
	}
}
