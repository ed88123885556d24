/*
 * config: the environment variables, which are the only configuration. They are read once, at
 * start.
 *
 * Owns the one struct config, which is constant after config_read (except in the tests). A value
 * that is not understood prints one line on standard error and leaves that setting at its default.
 * Context: config_read in the constructor only; the fields anywhere. Locks: none. Errno: untouched.
 * Keeps I5, I8. Units: as named.
 */
#ifndef SETTINGS_CONFIG_H
#define SETTINGS_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "format/attributes.h"
#include "format/format.h"
#include "settings/match.h"
#include "settings/policy.h"
#include "settings/rehearsal.h"

enum config_fds { CONFIG_FDS_TCP, CONFIG_FDS_SOCKETS, CONFIG_FDS_ALL };
enum config_summary { CONFIG_SUMMARY_OFF, CONFIG_SUMMARY_TOO, CONFIG_SUMMARY_ONLY };
enum config_colour { CONFIG_COLOUR_AUTO, CONFIG_COLOUR_ALWAYS, CONFIG_COLOUR_NEVER };
enum config_output { CONFIG_OUTPUT_STDERR, CONFIG_OUTPUT_FD, CONFIG_OUTPUT_PATH };

/* The name of a recording in a directory; and its name in versions before it contained the time. */
#define CONFIG_RECORD_NAME "%n.%t.%p.tcpshim"
#define CONFIG_RECORD_OLD_NAME "%n.%p.tcpshim"

struct config {
	bool is_shown[CALL_COUNT];
	bool is_any_shown;
	bool has_standard_fds; /* descriptors 0 to 2 are traced */
	bool has_sleeping;
	bool has_libc_stdio; /* calls by libc's stdio are traced */
	enum config_fds fds;
	enum config_output output;
	int output_fd;
	char output_path[PATH_MAX]; /* absolute; %p not yet replaced */
	unsigned errors;            /* variables that were ignored */
	const char *program;        /* the program's name */
	bool has_text;              /* text or JSON is written */
	bool has_lines;             /* one line is written per call */
	const struct format *format;
	enum config_colour colour;
	bool has_record, record_wraps;
	uint64_t record_bytes;
	uint64_t record_keep;       /* how many finished recordings are kept; 0: all */
	bool record_in_folder;      /* TCPSHIM_RECORD is a directory */
	char record_path[PATH_MAX]; /* absolute; %p and %t not yet replaced */
	bool has_stack[CALL_COUNT];
	bool has_stack_of_calls; /* of any in has_stack */
	bool has_stack_of_errors, has_any_stack;
	uint8_t stack_severity; /* of notes whose lines have a stack, at least; or SEVERITY_NONE */
	enum config_summary summary;
	struct truss_style style;
	struct match match;
	struct policy policy;
	struct rehearsal rehearsal;
	char tags[ATTRIBUTES_TAG_BYTES]; /* a list (attributes.h) */
	const char *started;  /* FD:INODE of the command's pipe; valid as long as programs */
	const char *programs; /* NULL: all; valid only until the caller of config_read returns */
};
extern struct config config;

/* Prints a line on standard error. line has no newline. */
typedef void config_complain(const char *line, size_t size);

/* Reads the configuration. environment: as the constructor gets it. program: the name that %n
 * expands to. */
void config_read(char *const *environment, const char *program, config_complain *complain);

/* Returns whether the variable of this name, without TCPSHIM_, takes the value; an empty one is no
 * value. Leaves config as it is. One thread only. */
bool config_takes(const char *name, const char *value);

/* Returns whether notes are to be coloured: as TCPSHIM_COLOR says; if it is auto, on a terminal
 * unless NO_COLOR is set. */
bool config_wants_colour(bool is_terminal, char *const *environment);

/* Returns whether TCPSHIM_PROGRAMS contains this program name. */
bool config_has_program(const char *program);

#endif
