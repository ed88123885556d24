#include "settings/location.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "format/strbuf.h"
#include "sys/raw.h"

bool location_expand(char to[PATH_MAX], const char *value, const char *program)
{
	struct strbuf path;

	strbuf_init(&path, to, PATH_MAX - 1);
	if (value[0] != '/') {
		long size = raw_syscall2(SYS_getcwd, (long)to, PATH_MAX);

		if (size <= 0)
			return false;
		path.size = (size_t)size - 1;
		if (path.size != 1)
			strbuf_char(&path, '/');
	}
	for (; *value; value++) {
		if (value[0] == '%' && value[1] == 'n') {
			strbuf_string(&path, program);
			value++;
		} else {
			strbuf_char(&path, *value);
		}
	}
	path.text[path.size] = '\0';
	return !path.is_cut;
}

bool location_is_directory(const char *path)
{
	struct stat64 status;

	return raw_syscall4(RAW_FSTATAT, AT_FDCWD, (long)path, (long)&status, 0) == 0 &&
	       S_ISDIR(status.st_mode);
}
