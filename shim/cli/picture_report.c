#include "cli/picture_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/pictures.h"
#include "cli/places.h"
#include "cli/recordings.h"
#include "cli/render.h"
#include "diagnose/wording.h"
#include "picture/page.h"
#include "picture/svg.h"
#include "reader/complain.h"
#include "reader/printable.h"
#include "reader/symbols.h"

enum { PLACES_BYTES = 4096 };

/* Made by scripts/page-frame. */
extern const struct page_frame page_frame;

static const char *const form_names[] = {
	[PICTURE_NONE] = "",
	[PICTURE_PAGE] = "--html",
	[PICTURE_SVG] = "--svg",
};

void picture_report_choose(enum picture_form *form, enum picture_form chosen)
{
	if (*form != PICTURE_NONE && *form != chosen)
		picture_report_check(*form, form_names[chosen]);
	*form = chosen;
}

void picture_report_check(enum picture_form form, const char *other_form)
{
	const char *name = form_names[form];

	if (form == PICTURE_NONE)
		return;
	if (other_form)
		refuse("%s and %s: a report has one form; leave out one of them", name, other_form);
	if (isatty(STDOUT_FILENO))
		refuse("%s: standard output is a terminal; redirect it: tcpshim report %s ... > "
		       "%s",
		       name, name, form == PICTURE_PAGE ? "page.html" : "picture.svg");
}

struct picture_report {
	struct merge merge;
	struct pictures pictures;
	struct stacks stacks;
	struct groups groups, others; /* of the chosen connections, and of the rest */
	struct clock_pairs clocks;
	struct finding_list findings;
	size_t connections; /* all, chosen or not */
};

/* --- The page. --- */

/* Groups what was recorded at each end, as tcpshim diagnose does. */
static void diagnose(struct picture_report *report)
{
	bool is_done = true;

	for (size_t i = 0; i < report->pictures.end_count; i++) {
		struct picture_end *end = &report->pictures.ends[i];
		const struct ended ended = {
			.row = end->row,
			.story = end->story,
			.end_ns = end->end_ns,
			.messages = end->messages,
			.boot = end->boot,
			.host = end->host,
		};

		if (!groups_take(&end->row))
			continue;
		report->connections++;
		is_done &= groups_add(end->is_chosen ? &report->groups : &report->others,
				      end->program, &ended);
		end->messages = NULL; /* the group's */
	}
	groups_pair(&report->groups, &report->others, &report->clocks);
	for (size_t i = 0; i < report->groups.count; i++)
		is_done &= diagnosis_of(&report->groups.list[i], &report->findings);
	if (!is_done) {
		complain("not enough memory for the findings");
		exit(EXIT_OWN_FAILURE);
	}
	diagnosis_sort(&report->findings);
	places_sort(&report->findings);
}

/* Returns where in the program each finding happened, a line per place; "" if that is not known. */
static char **make_places(const struct picture_report *report)
{
	char **list = allocate((report->findings.count + 1) * sizeof(list[0]));
	char text[PLACES_BYTES], printable[PLACES_BYTES + 1];
	struct strbuf raw, buf;

	for (size_t i = 0; i < report->findings.count; i++) {
		strbuf_init(&raw, text, sizeof(text));
		for (unsigned place = 0;
		     places_append(&raw, &report->findings.list[i], &report->stacks, place);
		     place++)
			strbuf_char(&raw, '\n');
		strbuf_init(&buf, printable, PLACES_BYTES);
		printable_append_text(&buf, text, raw.size);
		printable[buf.size] = '\0';
		list[i] = duplicate(printable);
	}
	return list;
}

/* Leaves out sockets that were never connected, as a diagnosis does. */
static size_t keep_connected(struct picture *list, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (list[i].ours->row.peer.family != 0)
			list[kept++] = list[i];
	return kept;
}

static uint64_t find_end(const struct picture_report *report)
{
	uint64_t end_ns = report->pictures.last_ns;

	for (size_t i = 0; i < report->pictures.count; i++)
		if (report->pictures.list[i].ours->row.seen_ns > end_ns)
			end_ns = report->pictures.list[i].ours->row.seen_ns;
	return end_ns;
}

static void write_page(struct picture_report *report)
{
	char scope[512], **places;
	struct strbuf buf;
	struct page page = {
		.list = report->pictures.list,
		.count = keep_connected(report->pictures.list, report->pictures.count),
		.findings = &report->findings,
		.base_ns = report->merge.base_ns,
		.end_ns = find_end(report),
		.realtime_offset_ns = report->merge.realtime_offset_ns,
	};

	diagnose(report);
	places = make_places(report);
	page.places = (const char *const *)places;
	strbuf_init(&buf, scope, sizeof(scope) - 1);
	wording_scope(&buf, &(struct wording_scope){
				    .connections = report->groups.connection_count,
				    .all_connections = report->connections,
				    .pairs = groups_count_pairs(&report->groups),
				    .groups = report->groups.count,
				    .findings = report->findings.count,
				    .events = report->pictures.events,
				    .first_ns = report->pictures.first_ns,
				    .last_ns = report->pictures.last_ns,
			    });
	scope[buf.size] = '\0';
	page.scope = scope;
	page_write(stdout, &page_frame, &page);
	for (size_t i = 0; i < report->findings.count; i++)
		free(places[i]);
	free(places);
	free(report->findings.list);
	ends_clear(&report->clocks);
	groups_clear(&report->groups);
	groups_clear(&report->others);
}

/* --- One connection. --- */

/* Returns the only picture that is chosen; complains if there is none, or several. */
static const struct picture *find_one(const struct pictures *pictures)
{
	const struct picture *found = NULL;
	size_t count = 0;

	for (size_t i = 0; i < pictures->count; i++)
		if (pictures->list[i].ours->row.peer.family != 0) {
			found = &pictures->list[i];
			count++;
		}
	if (count == 0)
		complain("no connection matches the options; --connections lists all of them");
	else if (count > 1)
		complain("%zu connections match the options, and --svg shows one: choose it with "
			 "--conn=N or --match (--connections lists all of them)",
			 count);
	return count == 1 ? found : NULL;
}

int picture_report(enum picture_form form, struct reader **readers, size_t count,
		   const struct filter *filter)
{
	struct picture_report report = {0};
	const struct picture *one = NULL;
	int status = 0;

	merge_start(&report.merge, readers, count);
	pictures_start(&report.pictures, filter, &report.merge, PAGE_MOMENTS);
	report.pictures.rows.stacks = &report.stacks;
	pictures_read(&report.pictures, &report.merge);
	if (form == PICTURE_PAGE)
		write_page(&report);
	else if ((one = find_one(&report.pictures)))
		svg_write(stdout, one, report.merge.base_ns, report.merge.realtime_offset_ns);
	else
		status = EXIT_USAGE;
	fflush(stdout);
	render_check_output();
	for (size_t i = 0; i < count; i++)
		recordings_say_lost(readers[i]);
	pictures_free(&report.pictures);
	stacks_clear(&report.stacks);
	merge_end(&report.merge);
	symbols_end();
	return status;
}
