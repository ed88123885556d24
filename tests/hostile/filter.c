/*
 * filter FILE... -- [VARIABLE=VALUE...] PROGRAM [ARG...]: executes PROGRAM behind seccomp filters.
 *
 * The filters are in place before PROGRAM starts, like those of systemd, docker and others.  Each
 * FILE is one filter.  They are loaded in order, and the earlier ones must allow the calls that
 * load the later ones.  Lines of a file:
 *
 *	default ACTION				for calls that no line names
 *	ACTION NAME [INDEX OPERATOR VALUE]...	for calls of this name, if all arguments compare so
 *
 * ACTION is allow, kill (the process) or a number, the error that the call fails with.  OPERATOR
 * is ==, !=, or & with a MASK before VALUE.  Names that this machine does not have are passed over.
 */
#include "hostile.h"

#include <seccomp.h>

static uint32_t action_of(const char *word)
{
	if (strcmp(word, "allow") == 0)
		return SCMP_ACT_ALLOW;
	if (strcmp(word, "kill") == 0)
		return SCMP_ACT_KILL_PROCESS;
	return SCMP_ACT_ERRNO((uint32_t)atoi(word));
}

static const char *next_word(char **rest)
{
	const char *word;

	while ((word = strsep(rest, " \n")) && *word == '\0')
		;
	return word;
}

static uint64_t next_number(char **rest)
{
	const char *word = next_word(rest);

	CHECK(word);
	return strtoull(word, NULL, 0);
}

static void take_rule(scmp_filter_ctx filter, uint32_t action, const char *name, char **rest)
{
	struct scmp_arg_cmp compared[6];
	unsigned count = 0;
	int number = seccomp_syscall_resolve_name(name), result;
	const char *word;

	while (count < 6 && (word = next_word(rest))) {
		struct scmp_arg_cmp *argument = &compared[count++];
		const char *comparison = next_word(rest);

		CHECK(comparison);
		*argument = (struct scmp_arg_cmp){.arg = (unsigned)atoi(word)};
		argument->op = *comparison == '='   ? SCMP_CMP_EQ
			       : *comparison == '!' ? SCMP_CMP_NE
						    : SCMP_CMP_MASKED_EQ;
		argument->datum_a = next_number(rest);
		if (argument->op == SCMP_CMP_MASKED_EQ)
			argument->datum_b = next_number(rest);
	}
	if (number == __NR_SCMP_ERROR)
		return;
	result = seccomp_rule_add_array(filter, action, number, count, compared);
	/* No failure: a call that only other machines have, or a rule that equals the default. */
	CHECK(result == 0 || result == -EDOM || result == -EACCES || result == -EEXIST);
}

static void load(const char *path)
{
	scmp_filter_ctx filter = NULL;
	char line[512];
	FILE *file = fopen(path, "re");

	CHECK(file);
	while (fgets(line, sizeof(line), file)) {
		char *rest = line;
		const char *first = next_word(&rest), *second = next_word(&rest);

		if (!first)
			continue;
		CHECK(second);
		if (strcmp(first, "default") == 0) {
			CHECK((filter = seccomp_init(action_of(second))));
			CHECK(seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, geteuid() != 0) == 0);
		} else {
			take_rule(filter, action_of(first), second, &rest);
		}
	}
	fclose(file);
	CHECK(seccomp_load(filter) == 0);
	seccomp_release(filter);
}

int main(int argc, char **argv)
{
	int i = 1;

	for (; i < argc && strcmp(argv[i], "--") != 0; i++)
		load(argv[i]);
	while (++i < argc && strchr(argv[i], '='))
		CHECK(putenv(argv[i]) == 0);
	CHECK(i < argc);
	execvp(argv[i], &argv[i]);
	NEVER_REACHED(argv[i]);
}
