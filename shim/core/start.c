/* The constructor: everything that may allocate, look up or read the environment happens here,
 * once. */
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "core/call.h"
#include "core/config.h"
#include "core/process.h"
#include "core/real.h"
#include "core/sight.h"
#include "sink/sink_text.h"

static const char *last_component(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void start_over_silently(void)
{
}

static void at_exit(int status, void *unused)
{
	(void)unused;
	call_exit(status, false);
}

/* argc, argv and the environment as the loader hands them to every constructor: getenv is not ready
 * yet when this object is initialised first (-z initfirst). */
__attribute__((constructor(200))) static void start(int argc, char **argv, char **environment)
{
	const char *program = argc > 0 && argv[0] ? last_component(argv[0]) : "unknown";

	real_resolve();
	if (getauxval(AT_SECURE))
		return;
	config_read(environment, program, process_complain);
	if ((!config.is_any_shown && !policy_is_any(&config.policy)) ||
	    !config_has_program(program) ||
	    !process_identify(config.is_any_shown ? sink_text_start_over : start_over_silently))
		return;
	if (config.is_any_shown) {
		sink_text_start(environment);
		/* Registered before anything of the program's is, so it runs after all of that; a
		 * failure costs the notes at exit only. */
		on_exit(at_exit, NULL);
		process_is_tracing = true;
	}
	process_is_watching = true;
	if (policy_is_any(&config.policy))
		sight_adopt_inherited();
}
