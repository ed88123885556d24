/*
 * config: the environment variables, read once at start.
 *
 * Owns the one configuration; constant after config_read, but for the tests. A bad value costs one
 * line on standard error and leaves that setting at its default.
 * Context: config_read in the constructor only; the fields anywhere. Locks: none. Errno: untouched.
 * Keeps I5, I8.
 */
#ifndef SETTINGS_CONFIG_H
#define SETTINGS_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "format/truss.h"
#include "settings/match.h"
#include "settings/policy.h"

enum config_fds { CONFIG_FDS_TCP, CONFIG_FDS_SOCKETS, CONFIG_FDS_ALL };
enum config_summary { CONFIG_SUMMARY_OFF, CONFIG_SUMMARY_TOO, CONFIG_SUMMARY_ONLY };
enum config_output { CONFIG_OUTPUT_STDERR, CONFIG_OUTPUT_FD, CONFIG_OUTPUT_PATH };

/* What a recording is called in a directory; and what it was called before it had the time. */
#define CONFIG_RECORD_NAME "%n.%t.%p.tcpshim"
#define CONFIG_RECORD_OLD_NAME "%n.%p.tcpshim"

struct config {
	bool is_shown[CALL_COUNT];
	bool is_any_shown;
	bool has_standard_fds;
	bool has_sleeping;
	bool has_libc_stdio; /* has_standard_fds: descriptors 0 to 2 */
	enum config_fds fds;
	enum config_output output;
	int output_fd;
	char output_path[PATH_MAX]; /* absolute; %p not yet replaced */
	unsigned errors;            /* variables that were left out */
	const char *program;        /* its name */
	bool has_text;              /* something is written: text or JSON */
	bool has_lines;             /* a line a call is */
	bool is_json;
	bool has_record, record_wraps;
	uint64_t record_bytes;
	uint64_t record_keep;       /* finished ones; 0: all */
	bool record_in_folder;      /* TCPSHIM_RECORD is a directory */
	char record_path[PATH_MAX]; /* absolute; %p and %t not yet replaced */
	bool has_stack[CALL_COUNT];
	bool has_stack_of_notes, has_stack_of_errors, has_any_stack;
	enum config_summary summary;
	struct truss_style style;
	struct match match;
	struct policy policy;
	const char *started;  /* FD:INODE of the command's pipe; good likewise */
	const char *programs; /* NULL: all; good during config_read's caller only */
};
extern struct config config;

/* A line for standard error, without its newline. */
typedef void config_complain(const char *line, size_t size);

/* environment: as the constructor gets it. program: the name that %n stands for. */
void config_read(char *const *environment, const char *program, config_complain *complain);

/* Whether the program of this name is one of TCPSHIM_PROGRAMS. */
bool config_has_program(const char *program);

#endif
