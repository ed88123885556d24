#include "sink/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "format/names.h"
#include "guest/complaint.h"
#include "guest/identity.h"
#include "guest/process.h"
#include "settings/config.h"
#include "sink/output.h"
#include "sys/raw.h"
#include "sys/restriction.h"

/* Room for a base line and a line about what was lost, with the attributes of the process. */
enum { HEAD_BYTES = 512 + ATTRIBUTES_BYTES + 256 };

static _Atomic uint64_t lost_unreported; /* since it was last reported in the trace */
static _Atomic int last_error;
static _Atomic uint32_t own_base_line; /* for a file of this process alone */
static _Atomic bool is_torn;           /* the last record was cut: begin with a newline */

enum parent { PARENT_UNKNOWN, PARENT_TRACED, PARENT_NOT_TRACED };
static _Atomic uint8_t parent;

void text_start(char *const *environment)
{
	int result = output_start();

	if (result < 0) {
		atomic_store(&last_error, -result);
		return;
	}
	config.style.has_colour = config_wants_colour(output_is_terminal(), environment);
}

void text_start_over(void)
{
	int result = output_start_over();

	atomic_store(&lost_unreported, 0);
	atomic_store(&own_base_line, 0);
	if (output_is_own_file())
		atomic_store(&is_torn, false);
	if (result < 0)
		atomic_store(&last_error, -result);
}

/* Returns whether the parent has this library. If so, it writes to the same trace as this process.
 * It is checked once, at the first record. text: the work area. */
static enum parent find_parent(char *text, size_t size)
{
	static const char name[] = "libtcpshim.so";
	enum parent result = PARENT_NOT_TRACED;
	struct strbuf path;
	size_t kept = 0;
	long fd, got;

	if (restriction_is_filter())
		return PARENT_NOT_TRACED;
	strbuf_init(&path, text, size - 1);
	strbuf_string(&path, "/proc/");
	strbuf_integer(&path, raw_syscall1(SYS_getppid, 0));
	strbuf_string(&path, "/maps");
	text[path.size] = '\0';
	fd = raw_syscall4(SYS_openat, AT_FDCWD, (long)text, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return PARENT_NOT_TRACED;
	while (result == PARENT_NOT_TRACED &&
	       (got = raw_syscall3(SYS_read, fd, (long)(text + kept), (long)(size - kept))) > 0) {
		size_t end = kept + (size_t)got;

		if (memmem(text, end, name, sizeof(name) - 1))
			result = PARENT_TRACED;
		kept = end < sizeof(name) ? end : sizeof(name);
		memmove(text, text + end - kept, kept);
	}
	raw_close((int)fd);
	return result;
}

/* Returns whether several processes write to the trace. Once true, it stays true. For a file of
 * traces the size shows it. For other outputs, and while several threads write, it is true if the
 * parent is traced too. */
static bool has_many_processes(char *text, size_t size)
{
	static _Atomic bool is_shared;

	if (output_is_own_file())
		return false;
	if (process_count() > 1 || atomic_load(&is_shared))
		return true;
	if (config.output == CONFIG_OUTPUT_PATH && output_is_regular() && !process_has_threads()) {
		atomic_store(&is_shared, output_is_shared());
	} else if (atomic_load(&parent) == PARENT_UNKNOWN) {
		atomic_store(&parent, (uint8_t)find_parent(text, size));
		atomic_store(&is_shared, atomic_load(&parent) == PARENT_TRACED);
	}
	return atomic_load(&is_shared);
}

static bool claim_base_line(void)
{
	if (output_is_own_file())
		return atomic_load(&own_base_line) == 0 && atomic_exchange(&own_base_line, 1) == 0;
	return process_claim_base_line();
}

static void unclaim_base_line(void)
{
	if (output_is_own_file())
		atomic_store(&own_base_line, 0);
	else
		process_unclaim_base_line();
}

/* Appends a line about the trace itself. */
static void append_about(struct strbuf *buf, const char *line, size_t size)
{
	const struct format_process of = {
		.pid = process_pid(),
		.program = config.program,
		.attributes = identity_attributes(),
	};

	config.format->line(buf, line, size, &of);
}

static void append_lost(struct strbuf *buf, uint64_t count)
{
	char text[256];
	struct strbuf line;

	strbuf_init(&line, text, sizeof(text));
	strbuf_string(&line, "*** tcpshim: ");
	strbuf_count(&line, count, "record");
	strbuf_string(&line, " could not be written");
	if (atomic_load(&last_error) != 0) {
		strbuf_string(&line, ": ");
		names_error(&line, atomic_load(&last_error));
	}
	strbuf_string(&line, " ***\n");
	append_about(buf, line.text, line.size);
}

static void count_lost(int error)
{
	atomic_fetch_add(&lost_unreported, 1);
	atomic_store(&last_error, error);
}

bool text_may_wait(void)
{
	return output_may_wait();
}

void text_count_lost(void)
{
	count_lost(ENOMEM);
}

/* Takes the number to be reported, so that no other thread reports it. */
static uint64_t take_unreported(void)
{
	return atomic_load(&lost_unreported) > 0 ? atomic_exchange(&lost_unreported, 0) : 0;
}

static void write_record(struct strbuf *buf, struct tcpshim_event *event)
{
	bool has_base_line = (config.style.stamps & TRUSS_BASE) && config.format->base_line &&
			     claim_base_line(),
	     was_torn = atomic_load(&is_torn);
	uint64_t unreported = take_unreported();
	size_t notice_size, written;
	int result;

	if (was_torn)
		strbuf_char(buf, '\n');
	if (unreported > 0)
		append_lost(buf, unreported);
	notice_size = buf->size;
	if (has_base_line)
		config.format->base_line(buf, event->flags & EVENT_MANY_PROCESSES ? event->pid : 0,
					 process_base_realtime_ns());
	config.format->event(buf, event, &config.style);
	result = output_write(buf->text, buf->size, &written);
	if (result == 0) {
		if (was_torn)
			atomic_store(&is_torn, false);
		return;
	}
	if (has_base_line && written == 0)
		unclaim_base_line();
	if (written > 0)
		atomic_store(&is_torn, true);
	/* A notice that lacks only its newline has been written. */
	if (written + 1 < notice_size)
		atomic_fetch_add(&lost_unreported, unreported);
	if (written + 1 < buf->size)
		count_lost(-result);
}

void text_event(struct tcpshim_event *event, char *text, size_t size)
{
	size_t need = HEAD_BYTES + config.format->event_bound(event, &config.style);
	char *memory = text;
	struct strbuf buf;
	int result = output_check(event->time_ns);

	if (result < 0) {
		count_lost(-result);
		return;
	}
	if (has_many_processes(text, size))
		event->flags |= EVENT_MANY_PROCESSES;
	if (need > size) {
		memory = restriction_is_strict() ? NULL : raw_map(need);
		if (!memory) {
			count_lost(ENOMEM);
			return;
		}
		size = need;
	}
	strbuf_init(&buf, memory, size);
	write_record(&buf, event);
	if (memory != text)
		raw_unmap(memory, size);
}

void text_bytes(const char *bytes, size_t size)
{
	size_t written;
	int result = output_check(process_now_ns());

	if (result == 0)
		result = output_write(bytes, size, &written);
	if (result < 0)
		count_lost(-result);
}

void text_line(const char *line, size_t size)
{
	char text[HEAD_BYTES];
	struct strbuf buf;
	size_t written;
	int result = output_check(process_now_ns());

	strbuf_init(&buf, text, sizeof(text));
	append_about(&buf, line, size);
	if (result == 0)
		result = output_write(buf.text, buf.size, &written);
	if (result < 0)
		complaint_write(line, size - 1);
}

void text_end(void)
{
	char text[HEAD_BYTES];
	struct strbuf buf;
	uint64_t unreported = take_unreported();
	size_t written;

	if (unreported == 0 && !atomic_load(&is_torn))
		return;
	strbuf_init(&buf, text, sizeof(text));
	if (atomic_load(&is_torn))
		strbuf_char(&buf, '\n');
	if (unreported > 0)
		append_lost(&buf, unreported);
	if ((output_check(process_now_ns()) < 0 ||
	     output_write(buf.text, buf.size, &written) < 0) &&
	    unreported > 0)
		complaint_write(buf.text + atomic_load(&is_torn),
				buf.size - atomic_load(&is_torn) - 1);
}
