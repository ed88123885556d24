/*
 * commands: what `tcpshim` can be asked to do; each in a file of its name.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

struct command {
	const char *name;
	int (*main)(int argc, char **argv); /* argv[0] is the command's name; returns the exit
					       status */
	const char *meaning;
};

/* Ends with one without a name. What is none of them is a program to run. */
extern const struct command commands[];

int run_main(int argc, char **argv);
int report_main(int argc, char **argv);
int netstat_main(int argc, char **argv);
int explain_main(int argc, char **argv);
int list_main(int argc, char **argv);

#endif
