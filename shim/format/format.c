#include "format/format.h"

#include <string.h>

const struct format *const formats[] = {&format_text, &format_json, NULL};

const struct format *format_find(const char *name)
{
	for (const struct format *const *format = formats; *format; format++)
		if (strcmp((*format)->name, name) == 0)
			return *format;
	return NULL;
}
