/* tcpshim rehearse: runs a program, lets a failure happen to its connections, and says what it did.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/launch.h"
#include "cli/options.h"
#include "cli/rehearsed.h"
#include "cli/verdict_report.h"
#include "format/nearest.h"
#include "format/words.h"
#include "reader/complain.h"
#include "reader/symbols.h"
#include "settings/spread.h"

enum { EXIT_NOT_PASSED = 3 };
enum { VALUE_BYTES = 512, LOOK_MS = 200 };
#define NS_PER_S UINT64_C(1000000000)

/* Options that are settings of TCPSHIM_REHEARSE, in the order of settings below. */
enum {
	OPTION_SETTING = OPTION_OWN,
	OPTION_WITHIN = OPTION_OWN + 0x100,
	OPTION_LIMIT,
	OPTION_WATCH,
	OPTION_VERDICT,
};

enum {
	SETTING_AFTER,
	SETTING_IDLE,
	SETTING_AT,
	SETTING_FOR,
	SETTING_EVERY,
	SETTING_SHARE,
	SETTING_SEED,
	SETTING_RATE,
	SETTING_BY,
	SETTINGS
};
static const struct {
	const char *name, *wants;
} settings[SETTINGS] = {
	{"after", "a duration, as --after=5s"},
	{"idle", "a duration, as --idle=10s"},
	{"at", "write:N, read:N, accept:N or connect:N, as --at=write:3"},
	{"for", "a duration, as --for=20s"},
	{"every", "a number from 1 to 1000000, as --every=10"},
	{"share", "a percentage from 1% to 100%, as --share=10%"},
	{"seed", "a number, together with --share"},
	{"rate", "a number of bytes a second, as --rate=16K"},
	{"by", "md5 or deaf"},
};

static const struct argp_option options[] = {
	{"after", OPTION_SETTING + 0, "DURATION", 0,
	 "When: that long after the connection was opened (at once)", 0},
	{"idle", OPTION_SETTING + 1, "DURATION", 0,
	 "When: as soon as nothing has moved on it for that long", 0},
	{"at", OPTION_SETTING + 2, "CALL:N", 0,
	 "When: before the Nth write or read on it (write:3, read:2); or only the Nth connection "
	 "that the process accepts or makes (accept:10, connect:2)",
	 0},
	{"for", OPTION_SETTING + 3, "DURATION", 0, "How long, then all works again", 0},
	{"every", OPTION_SETTING + 4, "N", 0,
	 "Which: of N connections the last; without, all that are open when a peer fails", 0},
	{"share", OPTION_SETTING + 5, "PERCENT", 0, "Which: so many of a hundred, by chance", 0},
	{"seed", OPTION_SETTING + 6, "N", 0, "Repeats the choice of an earlier --share", 0},
	{"rate", OPTION_SETTING + 7, "BYTES", 0, "slow: bytes a second (16K)", 0},
	{"by", OPTION_SETTING + 8, "md5|deaf", 0,
	 "How it is cut: mute and deaf by a TCP-MD5 key, or only deaf by the minimum TTL", 0},
	{"within", OPTION_WITHIN, "DURATION", 0,
	 "How soon the program has to notice, for exit status 0 (the limit)", 0},
	{"limit", OPTION_LIMIT, "DURATION", 0, "How long it is watched at most (120s)", 0},
	{"watch", OPTION_WATCH, "DURATION", 0,
	 "How long it is watched after it has noticed, to see what it does then (3s)", 0},
	{"verdict", OPTION_VERDICT, "FILE", 0, "Writes the verdict there (standard error)", 0},
	{0},
};

static const char *const variables[] = {"KEEPALIVE", "USER_TIMEOUT", "CLOSE_ON_EOF", "FORCE",
					"MATCH",     "PROGRAMS",     "STACK",        "DATA",
					"OUTPUT",    "TAGS",         "FORMAT",       NULL};

static struct {
	const struct scenario_row *scenario;
	char **program;
	const char *setting[SETTINGS];
	uint64_t within_ns, limit_ns, watch_ns;
	const char *verdict;
} asked;

static void refuse_scenario(const char *word)
{
	struct nearest nearest;

	nearest_start(&nearest, word, strlen(word));
	for (unsigned i = 0; i < SCENARIO_COUNT; i++)
		nearest_offer(&nearest, scenario_rows[i].word);
	refuse("there is no scenario \"%s\"; did you mean %s? There are power-off, power-cycle, "
	       "outage, peer-closes, half-open, unreachable, refused and slow",
	       word, nearest.found);
}

static void take_argument(char *argument, struct argp_state *state)
{
	if (!asked.scenario) {
		for (unsigned i = 0; i < SCENARIO_COUNT; i++)
			if (strcmp(scenario_rows[i].word, argument) == 0)
				asked.scenario = &scenario_rows[i];
		if (!asked.scenario)
			refuse_scenario(argument);
		return;
	}
	asked.program = &state->argv[state->next - 1];
	state->next = state->argc;
}

static uint64_t read_duration(const char *name, const char *value)
{
	uint64_t ns;

	if (!word_duration(word_of(value), &ns) || ns == 0)
		refuse("--%s=%s: it takes a duration, for example --%s=30s", name, value, name);
	return ns;
}

/* Returns whether a scenario takes the setting. */
static bool takes(const struct scenario_row *scenario, unsigned number)
{
	bool is_seed = number == SETTING_SEED;
	char value[VALUE_BYTES];

	snprintf(value, sizeof(value), "%s%s,%s=%s", scenario->word, is_seed ? ",share=1%" : "",
		 settings[number].name, asked.setting[number]);
	return config_takes("REHEARSE", value);
}

/* Refuses a setting that is not understood, or that the scenario does not have. */
static void check_setting(unsigned number)
{
	const char *name = settings[number].name;

	if (!asked.setting[number] || takes(asked.scenario, number))
		return;
	for (unsigned i = 0; i < SCENARIO_COUNT; i++)
		if (takes(&scenario_rows[i], number))
			refuse("--%s=%s does not fit %s", name, asked.setting[number],
			       asked.scenario->word);
	refuse("--%s=%s: it takes %s", name, asked.setting[number], settings[number].wants);
}

static void check_settings(void)
{
	for (unsigned i = 0; i < SETTINGS; i++)
		check_setting(i);
	if (!!asked.setting[SETTING_AFTER] + !!asked.setting[SETTING_IDLE] +
		    !!asked.setting[SETTING_AT] >
	    1)
		refuse("--after, --idle and --at do not go together: give one of them");
	if (asked.setting[SETTING_EVERY] && asked.setting[SETTING_SHARE])
		refuse("--every and --share do not go together: give one of them");
	if (asked.setting[SETTING_SEED] && !asked.setting[SETTING_SHARE])
		refuse("--seed repeats the choice of --share: give that too");
}

/* Puts the rehearsal into the environment. Without a seed, a share gets one, which is printed. */
static void announce_rehearsal(void)
{
	static char seed[24];
	char value[VALUE_BYTES];
	struct timespec now;

	check_settings();
	clock_gettime(CLOCK_REALTIME, &now);
	if (asked.setting[SETTING_SHARE] && !asked.setting[SETTING_SEED]) {
		snprintf(seed, sizeof(seed), "%" PRIu64,
			 spread((uint64_t)now.tv_nsec ^ (uint64_t)getpid() << 32) % 1000000);
		asked.setting[SETTING_SEED] = seed;
	}
	snprintf(value, sizeof(value), "%s", asked.scenario->word);
	for (unsigned i = 0; i < SETTINGS; i++) {
		size_t size = strlen(value);

		if (asked.setting[i])
			snprintf(value + size, sizeof(value) - size, ",%s=%s", settings[i].name,
				 asked.setting[i]);
	}
	if (!config_takes("REHEARSE", value))
		refuse("these options do not go together");
	setenv("TCPSHIM_REHEARSE", value, 1);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	if (key >= OPTION_SETTING && key < OPTION_SETTING + SETTINGS) {
		asked.setting[key - OPTION_SETTING] = argument;
		return 0;
	}
	switch (key) {
	case OPTION_WITHIN:
		asked.within_ns = read_duration("within", argument);
		return 0;
	case OPTION_LIMIT:
		asked.limit_ns = read_duration("limit", argument);
		return 0;
	case OPTION_WATCH:
		asked.watch_ns = read_duration("watch", argument);
		return 0;
	case OPTION_VERDICT:
		asked.verdict = argument;
		return 0;
	case ARGP_KEY_ARG:
		take_argument(argument, state);
		return 0;
	case ARGP_KEY_END:
		if (!asked.scenario)
			refuse("name a scenario and a program, for example: tcpshim rehearse "
			       "power-off curl http://127.0.0.1:8080/");
		if (!asked.program)
			refuse("name the program to run after %s", asked.scenario->word);
		announce_rehearsal();
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* --- Watching. --- */

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Returns whether nothing more is to be seen. */
static bool is_enough(const struct rehearsed *rehearsed)
{
	if (asked.scenario->deed == REHEARSAL_SLOW || rehearsed->concerned == 0)
		return false;
	return rehearsed->passed == rehearsed->concerned &&
	       now_ns() >= rehearsed->passed_ns + asked.watch_ns;
}

/* Ends the program, which may take its time. */
static void end_program(struct launch *launch)
{
	enum { GRACE_MS = 3000 };

	launch->is_ended_here = true;
	kill(launch->pid, SIGTERM);
	kill(launch->pid, SIGCONT);
	if (!launch_is_over(launch, GRACE_MS))
		kill(launch->pid, SIGKILL);
	launch_wait(launch);
}

/* Ends the processes that the program has made and left. */
static void end_children(const struct rehearsed *rehearsed, pid_t program)
{
	enum { TRIES = 30 };
	const struct timespec pause = {.tv_nsec = 100000000};

	for (unsigned i = 0; i < TRIES; i++) {
		if (rehearsed_signal(rehearsed, program, i == 0 ? SIGTERM : 0) == 0)
			return;
		nanosleep(&pause, NULL);
	}
	rehearsed_signal(rehearsed, program, SIGKILL);
}

/* Returns whether the watch is over: the program has shown what it does, or it and the processes
 * that it has made are gone. *milliseconds: until the next look. */
static bool is_watched(struct launch *launch, const char *directory, unsigned *milliseconds)
{
	uint64_t before_ns = now_ns(), took_ms;
	struct rehearsed rehearsed;
	bool is_over;

	rehearsed_read(&rehearsed, directory, UINT64_MAX);
	is_over = is_enough(&rehearsed) ||
		  (launch->is_over && rehearsed_signal(&rehearsed, launch->pid, 0) == 0);
	rehearsed_clear(&rehearsed);
	/* Long recordings are read less often. */
	took_ms = (now_ns() - before_ns) / 1000000;
	*milliseconds = took_ms * 10 > LOOK_MS ? (unsigned)took_ms * 10 : LOOK_MS;
	return is_over;
}

/* Watches the program until it has shown what it does, or the limit is over. Returns until when
 * what it did was its own doing. */
static uint64_t watch(struct launch *launch, const char *directory)
{
	uint64_t start_ns = now_ns(), until_ns;
	unsigned pause_ms = LOOK_MS;

	do {
		if (launch_is_over(launch, pause_ms))
			usleep(LOOK_MS * 1000);
	} while (!is_watched(launch, directory, &pause_ms) && launch_asked_to_end_ns() == 0 &&
		 now_ns() - start_ns < asked.limit_ns);
	until_ns = launch_asked_to_end_ns();
	if (until_ns == 0)
		until_ns = now_ns();
	if (!launch->is_over)
		end_program(launch);
	return until_ns;
}

/* --- The end. --- */

/* Says why nothing was rehearsed. */
static int complain_nothing(const struct rehearsed *rehearsed)
{
	if (rehearsed->failed > 0)
		complain("nothing was rehearsed: the kernel refused it on %zu connections "
			 "(rehearsed-failed): try --by=deaf",
			 rehearsed->failed);
	else if (rehearsed->count > 0)
		complain("nothing was rehearsed: none of the %zu connections of %s came to the "
			 "point that the options name",
			 rehearsed->count, asked.program[0]);
	else
		complain("nothing was rehearsed: %s made no TCP connection that the library saw",
			 asked.program[0]);
	return EXIT_OWN_FAILURE;
}

/* Opens the file of the verdict. Standard output is the program's. */
static int open_verdict(void)
{
	int fd = STDERR_FILENO;

	if (asked.verdict)
		fd = open(asked.verdict, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		refuse("--verdict=%s cannot be written: %s", asked.verdict, strerror(errno));
	return fd;
}

static void set_default(const char *name, const char *value)
{
	const char *given = getenv(name);

	if (!given || !*given)
		setenv(name, value, 1);
}

static int run_rehearsed(struct launch *launch, const char *directory, int verdict)
{
	const struct verdict_asked verdict_asked = {
		.scenario = asked.scenario,
		.within_ns = asked.within_ns,
		.is_single = asked.setting[SETTING_EVERY] || asked.setting[SETTING_SHARE],
		.seed = asked.setting[SETTING_SHARE] ? asked.setting[SETTING_SEED] : NULL,
	};
	struct rehearsed rehearsed;
	uint64_t until_ns;
	int status = launch_start(launch);

	if (status != 0)
		return status;
	until_ns = watch(launch, directory);
	fflush(stdout);
	dup2(verdict, STDOUT_FILENO);
	rehearsed_read(&rehearsed, directory, until_ns);
	end_children(&rehearsed, launch->pid);
	if (launch->killed_by != 0)
		rehearsed_kill(&rehearsed, launch->pid, launch->killed_by);
	if (rehearsed.concerned == 0)
		status = complain_nothing(&rehearsed);
	else
		status = verdict_report(&verdict_asked, &rehearsed, launch, until_ns)
				 ? 0
				 : EXIT_NOT_PASSED;
	for (size_t i = 0; i < rehearsed.recordings.count; i++)
		recordings_say_lost(rehearsed.recordings.readers[i]);
	rehearsed_clear(&rehearsed);
	symbols_end();
	return status;
}

static int run(void)
{
	const char *record = getenv("TCPSHIM_RECORD");
	char directory[PATH_MAX];
	struct launch launch;
	int status, verdict;

	if (record && *record)
		refuse("rehearse makes a recording of its own and removes it: leave TCPSHIM_RECORD "
		       "out; --output=FILE keeps the trace");
	if (asked.limit_ns == 0)
		asked.limit_ns = 120 * NS_PER_S;
	if (asked.watch_ns == 0)
		asked.watch_ns = 3 * NS_PER_S;
	if (asked.within_ns == 0)
		asked.within_ns = asked.limit_ns;
	set_default("TCPSHIM_DATA", "4096");
	status = launch_prepare(&launch, asked.program);
	if (status != 0)
		return status;
	verdict = open_verdict();
	if (!launch_record(directory))
		return EXIT_OWN_FAILURE;
	launch_imply_stacks("warn");
	status = run_rehearsed(&launch, directory, verdict);
	recordings_remove(directory);
	return status;
}

const struct command rehearse_command = {
	.name = "rehearse",
	.arguments = "SCENARIO PROGRAM [ARG...]",
	.meaning = "what a program does when its peer vanishes, now",
	.doc = "Runs PROGRAM, lets a failure happen to its own TCP connections, and says what it "
	       "did: whether it noticed, when and by which call, and what then. SCENARIO is "
	       "power-off, power-cycle, outage, peer-closes, half-open, unreachable, refused or "
	       "slow. The failure is the kernel's: its timers, states and errors are those of a "
	       "real one; the peer is not touched. Exit status: 0 if it noticed on every "
	       "connection concerned, 3 if not, 125 if nothing could be rehearsed.",
	.options = options,
	.variables = variables,
	.parse = parse,
	.run = run,
	.has_program = true,
};
