/* tcpshim version: which version this is. */
#include <stdio.h>

#include "cli/command_line.h"

#ifndef TCPSHIM_VERSION
#define TCPSHIM_VERSION "0"
#endif

static int run(void)
{
	puts("tcpshim " TCPSHIM_VERSION);
	return 0;
}

const struct command version_command = {
	.name = "version",
	.meaning = "the version, as --version",
	.doc = "Prints the version of tcpshim.",
	.run = run,
};
