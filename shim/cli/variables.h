/*
 * variables: the rows of tcpshim/variables.def, for the command.
 */
#ifndef CLI_VARIABLES_H
#define CLI_VARIABLES_H

#include <stddef.h>

struct variable_row {
	const char *name; /* without TCPSHIM_ */
	const char *form, *values, *wants, *example, *meaning;
};

/* Ends with a row without a name. */
extern const struct variable_row variable_rows[];

/* Returns the number of the variable in the table: name is KEEPALIVE, TCPSHIM_KEEPALIVE, keepalive
 * or --keepalive. -1: there is none. */
int variable_find(const char *name);

/* Returns the option of a variable, without its dashes: "record-size". The memory is the caller's.
 */
char *variable_option(const struct variable_row *row);

#endif
