#include "format/path.h"

#include "format/stamp.h"

void path_expand(struct strbuf *buf, const char *path, const struct path_values *values)
{
	for (const char *from = path; *from; from++) {
		if (from[0] == '%' && from[1] == 'p') {
			strbuf_integer(buf, values->pid);
			if (values->has_suffix) {
				strbuf_char(buf, '-');
				stamp_compact(buf, values->realtime_ns);
			}
			from++;
		} else if (from[0] == '%' && from[1] == 't' && values->has_time) {
			stamp_compact(buf, values->realtime_ns);
			from++;
		} else {
			strbuf_char(buf, *from);
		}
	}
}

bool path_has(const char *path, char letter)
{
	for (; *path; path++)
		if (path[0] == '%' && path[1] == letter)
			return true;
	return false;
}
