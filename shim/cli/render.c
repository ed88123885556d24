#include "cli/render.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reader/complain.h"
#include "reader/printable.h"
#include "reader/symbols.h"
#include "settings/config.h"

void render_check_output(void)
{
	if (!ferror(stdout))
		return;
	if (errno != EPIPE)
		complain("standard output cannot be written: %s", strerror(errno));
	exit(EXIT_OWN_FAILURE);
}

static struct strbuf room_for(struct render *render, size_t bytes)
{
	struct strbuf buf;

	if (bytes > render->text_bytes) {
		render->text = reallocate(render->text, bytes);
		render->text_bytes = bytes;
	}
	strbuf_init(&buf, render->text, render->text_bytes);
	return buf;
}

static void write_text(const struct strbuf *buf, enum printable_as as)
{
	printable_write(stdout, buf->text, buf->size, as);
	render_check_output();
}

static void append_base_line(struct render *render, struct strbuf *buf,
			     const struct tcpshim_event *event)
{
	const struct merge *merge = render->merge;

	if (render->has_base_line || !(render->style.stamps & TRUSS_BASE) ||
	    !config.format->base_line)
		return;
	render->has_base_line = true;
	config.format->base_line(buf, event->flags & EVENT_MANY_PROCESSES ? event->pid : 0,
				 (int64_t)(merge->base_ns + (uint64_t)merge->realtime_offset_ns));
}

/* Appends one line made printable; its tabs stay. */
static void append_line(struct strbuf *buf, const char *line, size_t size)
{
	const char *tab;

	if (size > 0 && line[size - 1] == '\n')
		size--;
	while ((tab = memchr(line, '\t', size))) {
		printable_append(buf, line, (size_t)(tab - line));
		strbuf_char(buf, '\t');
		size -= (size_t)(tab + 1 - line);
		line = tab + 1;
	}
	printable_append(buf, line, size);
	strbuf_char(buf, '\n');
}

static void write_line(struct render *render, const struct item *item)
{
	struct strbuf buf = room_for(render, 4096 + 8 * item->line_size);
	const struct format_process of = {
		.pid = item->reader->header.pid,
		.program = item->reader->header.program,
		.attributes = item->reader->attributes,
	};

	if (config.format->has_escapes)
		config.format->line(&buf, item->line, item->line_size, &of);
	else
		append_line(&buf, item->line, item->line_size);
	write_text(&buf, printable_of(config.format, false));
}

static void write_event(struct render *render, const struct item *item)
{
	struct truss_style style = render->style;
	struct strbuf buf;

	/* No more of a payload than was recorded. */
	if (style.data_bytes > item->stored_bytes)
		style.data_bytes = item->stored_bytes;
	symbols_use(item->reader);
	buf = room_for(render,
		       FORMAT_BASE_LINE_BYTES + config.format->event_bound(item->event, &style));
	append_base_line(render, &buf, item->event);
	config.format->event(&buf, item->event, &style);
	write_text(&buf, printable_of(config.format, style.has_colour));
}

void render_item(struct render *render, const struct item *item)
{
	const struct render_wanted *wanted = render->wanted;
	bool has_tables = wanted->has_connections || wanted->has_summary;

	if (item->line) {
		render->shown++;
		if (!has_tables)
			write_line(render, item);
		return;
	}
	render->calls++;
	if (wanted->has_connections) /* a row's numbers are those of all calls */
		connections_take(&render->connections, item);
	if (!has_tables)
		vanished_take(&render->open, item);
	if (!filter_shows(&wanted->filter, item->event))
		return;
	render->shown++;
	if (wanted->has_summary)
		summary_take(render->summary, item->event);
	if (!has_tables) {
		filter_subjects(&wanted->filter, item->event);
		write_event(render, item);
	}
}

void render_start(struct render *render, const struct render_wanted *wanted,
		  const struct merge *merge, bool has_colour)
{
	*render = (struct render){
		.wanted = wanted,
		.merge = merge,
		.style = config.style,
		.connections =
			{
				.rows.filter = &wanted->filter,
				.format = config.format,
				.has_pid = merge->count > 1,
				.base_ns = merge->base_ns,
				.to = stdout,
				.columns = &wanted->columns,
				.is_following = wanted->is_following,
			},
	};
	connections_start(&render->connections);
	render->style.has_colour = has_colour && config.format->has_colour;
	render->style.symbol = symbols_append;
	render->style.least_severity = filter_least_severity(&wanted->filter);
	if (wanted->has_summary)
		render->summary = summary_start();
}

/* Writes that a process is gone, unless the range of time ends before. */
static void write_vanished(struct render *render, struct reader *reader)
{
	const struct filter *filter = &render->wanted->filter;
	uint64_t seen_ns = reader->seen_ns + reader->shift_ns;
	char text[VANISHED_BYTES];
	struct strbuf line;

	if (seen_ns > render->merge->base_ns && seen_ns - render->merge->base_ns > filter->until_ns)
		return;
	strbuf_init(&line, text, sizeof(text));
	vanished_line(&line, &render->open, render->merge, reader);
	if (line.size > 0)
		write_line(render,
			   &(struct item){.line = text, .line_size = line.size, .reader = reader});
}

void render_end(struct render *render)
{
	bool has_tables = render->wanted->has_connections || render->wanted->has_summary;

	for (size_t i = 0; i < render->merge->count; i++)
		if (!reader_find_end(render->merge->readers[i]) && !has_tables)
			write_vanished(render, render->merge->readers[i]);
	open_rows_clear(&render->open);
	if (render->wanted->has_connections)
		connections_end(&render->connections);
	if (render->wanted->has_connections && render->wanted->has_summary)
		fputs(config.format->gap, stdout);
	if (render->wanted->has_summary && render->connections.written == 0)
		range_write(&render->wanted->filter, stdout, config.format);
	if (render->wanted->has_summary)
		summary_end(render->summary, stdout, config.format);
	fflush(stdout);
	render_check_output();
	free(render->text);
}
