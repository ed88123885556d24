#include "sink/sinks.h"

#include <errno.h>
#include <stdatomic.h>

#include "core/clock.h"
#include "core/config.h"
#include "core/process.h"
#include "format/strbuf.h"
#include "sink/output.h"
#include "sink/sink_record.h"
#include "sink/sink_summary.h"
#include "sink/sink_text.h"

enum { LINE_BYTES = 160 };

static _Atomic uint64_t nested;

bool sinks_start(char *const *environment, const char *program)
{
	config.has_record = config.has_record && recording_start(program);
	if (config.has_record)
		clock_start();
	if (config.summary != CONFIG_SUMMARY_OFF && !sink_summary_start())
		config.summary = CONFIG_SUMMARY_OFF;
	if (config.has_text)
		sink_text_start(environment);
	return config.has_text || config.has_record;
}

void sinks_start_over(void)
{
	atomic_store(&nested, 0);
	if (config.has_text)
		sink_text_start_over();
	if (config.has_record)
		sink_record_start_over();
	if (config.summary != CONFIG_SUMMARY_OFF)
		sink_summary_start_over();
}

void sinks_event(struct area *area, uint64_t now_ns)
{
	struct tcpshim_event *event = &area->event;

	if (process_check_clock(now_ns) && config.has_record)
		sink_record_clock(area, now_ns);
	event->time_ns = now_ns;
	event->program = config.program;
	event->base_ns = process_base_ns();
	event->realtime_ns = (int64_t)now_ns + process_realtime_offset_ns();
	if (process_has_threads())
		event->flags |= EVENT_MANY_THREADS;
	if (config.has_lines) {
		if (sink_text_may_wait())
			thread_hold_signals();
		sink_text_event(event, area->text, sizeof(area->text));
	}
	if (config.has_record)
		sink_record_event(area);
	if (config.summary != CONFIG_SUMMARY_OFF)
		sink_summary_event(area);
}

void sinks_be_quiet(struct area *area)
{
	output_be_quiet();
	if (config.has_record && process_is_tracing && area)
		recording_be_quiet(area, process_now_ns());
}

void sinks_count_lost(void)
{
	if (config.has_text)
		sink_text_count_lost();
	if (config.has_record)
		recording_count_lost(1, ENOMEM);
}

void sinks_count_nested(void)
{
	atomic_fetch_add(&nested, 1);
	if (config.has_record)
		recording_count_nested();
}

static void say(struct area *area, const struct strbuf *line)
{
	if (config.has_text) {
		if (sink_text_may_wait())
			thread_hold_signals();
		sink_text_line(line->text, line->size);
	}
	if (config.has_record && area)
		sink_record_line(area, line->text, line->size, process_now_ns());
}

void sinks_say_ring(struct area *area)
{
	char text[LINE_BYTES];
	struct strbuf line;

	strbuf_init(&line, text, sizeof(text));
	strbuf_string(&line, "*** tcpshim: this program uses io_uring: what it does through it is "
			     "not seen ***\n");
	say(area, &line);
}

void sinks_end(struct area *area, int status)
{
	uint64_t count = atomic_load(&nested);
	char text[LINE_BYTES];
	struct strbuf line;

	if (count > 0) {
		strbuf_init(&line, text, sizeof(text));
		strbuf_string(&line, "*** tcpshim: ");
		strbuf_count(&line, count, "call");
		strbuf_string(&line, " of signal handlers came while the library was at work and "
				     "could not be shown ***\n");
		say(area, &line);
	}
	if (config.has_text) {
		if (sink_text_may_wait())
			thread_hold_signals();
		if (config.summary != CONFIG_SUMMARY_OFF)
			sink_summary_end(process_now_ns());
		sink_text_end();
	}
	if (config.has_record)
		recording_end(status, process_now_ns());
}
