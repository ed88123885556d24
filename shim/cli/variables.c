#include "cli/variables.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "reader/complain.h"

const struct variable_row variable_rows[] = {
#define VARIABLE(name, form, values, wants, example, meaning) \
	{#name, form, values, wants, example, meaning},
#include "tcpshim/variables.def"
#undef VARIABLE
	{0},
};

static bool is_same_name(const char *typed, const char *name)
{
	for (; *typed && *name; typed++, name++)
		if (toupper((unsigned char)*typed) != *name && !(*typed == '-' && *name == '_'))
			return false;
	return *typed == *name;
}

int variable_find(const char *name)
{
	static const char prefix[] = "TCPSHIM_";

	if (strncmp(name, prefix, sizeof(prefix) - 1) == 0)
		name += sizeof(prefix) - 1;
	else if (strncmp(name, "--", 2) == 0)
		name += 2;
	for (int i = 0; variable_rows[i].name; i++)
		if (is_same_name(name, variable_rows[i].name))
			return i;
	return -1;
}

char *variable_option(const struct variable_row *row)
{
	char *name = duplicate(row->name);

	for (char *c = name; *c; c++)
		*c = *c == '_' ? '-' : (char)tolower((unsigned char)*c);
	return name;
}
