#include "sink/sinks.h"

#include <errno.h>
#include <stdatomic.h>

#include "format/strbuf.h"
#include "guest/identity.h"
#include "guest/process.h"
#include "settings/config.h"
#include "sink/output.h"
#include "sink/record.h"
#include "sink/summary.h"
#include "sink/text.h"
#include "sys/clock.h"

enum { LINE_BYTES = 200 };

static _Atomic uint64_t nested;

bool sinks_start(char *const *environment, const char *program)
{
	config.has_record = config.has_record && recording_start(program);
	if (config.has_record)
		clock_start();
	if (config.has_record || config.format->has_escapes)
		identity_start(config.tags);
	if (config.summary != CONFIG_SUMMARY_OFF && !summary_start())
		config.summary = CONFIG_SUMMARY_OFF;
	if (config.has_text)
		text_start(environment);
	return config.has_text || config.has_record;
}

void sinks_start_over(void)
{
	atomic_store(&nested, 0);
	if (config.has_record || config.format->has_escapes)
		identity_start_over();
	if (config.has_text)
		text_start_over();
	if (config.has_record)
		record_start_over();
	if (config.summary != CONFIG_SUMMARY_OFF)
		summary_start_over();
}

void sinks_event(struct area *area, uint64_t now_ns)
{
	struct tcpshim_event *event = &area->event;

	if (process_check_clock(now_ns) && config.has_record)
		record_clock(area, now_ns);
	event->time_ns = now_ns;
	event->program = config.program;
	event->attributes = identity_attributes();
	event->base_ns = process_base_ns();
	event->realtime_ns = (int64_t)now_ns + process_realtime_offset_ns();
	if (process_has_threads())
		event->flags |= EVENT_MANY_THREADS;
	if (config.has_lines) {
		if (text_may_wait())
			thread_block_signals();
		text_event(event, area->text, sizeof(area->text));
	}
	if (config.has_record)
		record_event(area);
	if (config.summary != CONFIG_SUMMARY_OFF)
		summary_event(area);
}

void sinks_restrict(struct area *area)
{
	output_restrict();
	if (config.has_record && process_is_tracing && area)
		recording_restrict(area, process_now_ns());
}

void sinks_count_lost(void)
{
	if (config.has_text)
		text_count_lost();
	if (config.has_record)
		recording_count_lost(1, ENOMEM);
}

void sinks_count_nested(void)
{
	atomic_fetch_add(&nested, 1);
	if (config.has_record)
		recording_count_nested();
}

static void emit_line(struct area *area, const struct strbuf *line)
{
	if (config.has_text) {
		if (text_may_wait())
			thread_block_signals();
		text_line(line->text, line->size);
	}
	if (config.has_record && area)
		record_line(area, line->text, line->size, process_now_ns());
}

void sinks_report_ring(struct area *area)
{
	char text[LINE_BYTES];
	struct strbuf line;

	strbuf_init(&line, text, sizeof(text));
	strbuf_string(&line,
		      "*** tcpshim: this program uses io_uring; what it does through io_uring is "
		      "not traced ***\n");
	emit_line(area, &line);
}

void sinks_report_restriction(struct area *area)
{
	char text[LINE_BYTES];
	struct strbuf line;

	strbuf_init(&line, text, sizeof(text));
	strbuf_string(&line, "*** tcpshim: this program has set a seccomp filter; from here on the "
			     "kernel is not asked about connections, and fewer notes are given "
			     "***\n");
	emit_line(area, &line);
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
		strbuf_string(&line, " of signal handlers that interrupted the library could not "
				     "be shown ***\n");
		emit_line(area, &line);
	}
	if (config.has_text) {
		if (text_may_wait())
			thread_block_signals();
		if (config.summary != CONFIG_SUMMARY_OFF)
			summary_end(process_now_ns());
		text_end();
	}
	if (config.has_record)
		recording_end(status, process_now_ns());
}
