/* tcpshim netstat: the connections of a process, now. */
#include "cli/commands.h"
#include "cli/complain.h"

int netstat_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	complain("netstat is not there yet");
	return EXIT_OWN_FAILURE;
}
