#include "cli/ladder_report.h"

#include <langinfo.h>
#include <locale.h>
#include <unistd.h>

#include "cli/pictures.h"
#include "cli/render.h"
#include "format/stamp.h"
#include "picture/ladder.h"
#include "picture/ladder_heading.h"
#include "reader/complain.h"
#include "reader/printable.h"
#include "reader/symbols.h"
#include "settings/config.h"

enum {
	MOST_LADDERS = 100,
	MOST_MOMENTS = 4000, /* of one connection */
};

static void write_line(const char *text, size_t size, void *data)
{
	const bool *has_colour = data;

	printable_write(stdout, text, size, *has_colour ? PRINTABLE_COLOURED : PRINTABLE_TEXT);
}

static bool is_utf8(void)
{
	setlocale(LC_CTYPE, "");
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static void write_base_line(const struct merge *merge)
{
	char text[FORMAT_BASE_LINE_BYTES];
	struct strbuf buf;

	strbuf_init(&buf, text, sizeof(text));
	stamp_base_line(&buf, (int64_t)(merge->base_ns + (uint64_t)merge->realtime_offset_ns));
	fwrite(text, 1, buf.size, stdout);
}

static void draw_all(const struct pictures *pictures, const struct merge *merge,
		     const struct filter *filter, size_t width)
{
	bool has_colour = config_wants_colour(isatty(STDOUT_FILENO), environ);
	const struct ladder_style style = {
		.width = width,
		.is_ascii = !is_utf8(),
		.has_colour = has_colour,
		.least_severity = filter_least_severity(filter),
		.base_ns = merge->base_ns,
		.line = write_line,
		.data = &has_colour,
	};

	write_base_line(merge);
	ladder_heading_legend(&style);
	for (size_t i = 0; i < pictures->count; i++) {
		putchar('\n');
		ladder_draw(&pictures->list[i], &style);
		render_check_output();
	}
	fflush(stdout);
	render_check_output();
}

void ladder_report(const struct recordings *recordings, const struct filter *filter, size_t width,
		   int *status)
{
	struct merge merge;
	struct pictures pictures;

	merge_start(&merge, recordings->readers, recordings->count);
	pictures_start(&pictures, filter, &merge, MOST_MOMENTS);
	pictures_read(&pictures, &merge);
	if (pictures.count > MOST_LADDERS) {
		complain("%zu connections are too many for ladders, %d at most: choose with "
			 "--conn=N, --match or --note (report --connections lists them)",
			 pictures.count, MOST_LADDERS);
		*status = EXIT_USAGE;
	} else if (pictures.count > 0) {
		draw_all(&pictures, &merge, filter, width);
	} else {
		complain(pictures.events == 0 ? "no call was recorded"
					      : "no connection to draw: none was "
						"recorded, or none matches the "
						"options");
	}
	for (size_t i = 0; i < recordings->count; i++)
		recordings_say_lost(recordings->readers[i]);
	pictures_free(&pictures);
	merge_end(&merge);
	symbols_end();
}
