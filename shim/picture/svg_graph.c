/* The sequence graph: how many bytes were written and read until when. */
#include <inttypes.h>

#include "format/facts.h"
#include "picture/svg.h"

enum {
	FROM_X = 96,
	TO_X = SVG_WIDTH - 24,
	TOP = 44,
	BOTTOM = SVG_GRAPH_HEIGHT - 34,
	TEXT_BYTES = 96
};

struct graph {
	FILE *to;
	const struct picture *picture;
	uint64_t from_ns, until_ns, most_bytes;
};

static double x_of(const struct graph *graph, uint64_t time_ns)
{
	double all = (double)(graph->until_ns - graph->from_ns);

	if (time_ns < graph->from_ns)
		time_ns = graph->from_ns;
	return FROM_X + (TO_X - FROM_X) * (double)(time_ns - graph->from_ns) / all;
}

static double y_of(const struct graph *graph, uint64_t bytes)
{
	return BOTTOM - (BOTTOM - TOP) * (double)bytes / (double)graph->most_bytes;
}

/* Continues where moments are left out. */
static void put_waypoints(const struct graph *graph, unsigned side, unsigned direction)
{
	const struct chronicle *chronicle = &drawing_end(graph->picture, side)->chronicle;

	for (size_t i = 0; i < chronicle->waypoint_count; i++) {
		const struct waypoint *point = &chronicle->waypoints[i];

		fprintf(graph->to, "L%.1f %.1f",
			x_of(graph, drawing_time(graph->picture, side, point->time_ns)),
			y_of(graph,
			     direction == MOMENT_SENT ? point->sent_bytes : point->received_bytes));
	}
}

/* Draws how many bytes one end has moved in a direction, as steps. */
static void put_steps(const struct graph *graph, unsigned side, unsigned direction,
		      const char *class)
{
	const struct picture_end *end = drawing_end(graph->picture, side);
	uint64_t bytes = 0;

	if (!end)
		return;
	fprintf(graph->to, "<path class=\"%s\" d=\"M%d %d", class, FROM_X, BOTTOM);
	for (size_t i = 0; i < end->chronicle.count; i++) {
		const struct moment *moment = &end->chronicle.list[i];

		if (i == end->chronicle.most / 2)
			put_waypoints(graph, side, direction);
		if (moment->direction != direction)
			continue;
		bytes = moment->position + moment->bytes;
		fprintf(graph->to, "H%.1fV%.1f",
			x_of(graph, drawing_time(graph->picture, side, moment->time_ns)),
			y_of(graph, bytes));
	}
	fprintf(graph->to, "H%d\"/>\n", TO_X);
}

/* Draws the bytes that were written and never arrived. */
static void put_hole(const struct graph *graph)
{
	const struct picture_end *ours = graph->picture->ours, *theirs = graph->picture->theirs;
	uint64_t sent = ours->chronicle.sent_bytes, lost = ours->story.lost_bytes, at_ns = 0;
	char text[TEXT_BYTES];
	struct strbuf buf;
	double x;

	if (theirs && !theirs->is_uncertain && theirs->chronicle.received_bytes < sent)
		lost = sent - theirs->chronicle.received_bytes;
	if (lost == 0 || lost > sent)
		return;
	for (size_t i = 0; i < ours->chronicle.count && at_ns == 0; i++)
		if (ours->chronicle.list[i].direction == MOMENT_SENT &&
		    ours->chronicle.list[i].position + ours->chronicle.list[i].bytes > sent - lost)
			at_ns = ours->chronicle.list[i].time_ns;
	x = x_of(graph, at_ns);
	fprintf(graph->to,
		"<rect class=\"hole\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n", x,
		y_of(graph, sent), TO_X - x > 3 ? TO_X - x : 3,
		y_of(graph, sent - lost) - y_of(graph, sent));
	strbuf_init(&buf, text, sizeof(text));
	strbuf_count(&buf, lost, "byte");
	strbuf_string(&buf, theirs ? " not read there" : " never acknowledged");
	fprintf(graph->to, "<text class=\"error end\" x=\"%d\" y=\"%.1f\">%.*s</text>\n", TO_X - 4,
		(y_of(graph, sent) + y_of(graph, sent - lost)) / 2 + 4, (int)buf.size, text);
}

static void put_axes(const struct graph *graph)
{
	char text[TEXT_BYTES];
	struct strbuf buf;

	for (unsigned i = 0; i <= 4; i++) {
		double x = FROM_X + (TO_X - FROM_X) * i / 4.0;

		strbuf_init(&buf, text, sizeof(text));
		strbuf_duration(&buf, (graph->until_ns - graph->from_ns) / 4 * i);
		fprintf(graph->to,
			"<line class=\"grid\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>"
			"<text class=\"mid dim\" x=\"%.1f\" y=\"%d\">%.*s</text>\n",
			x, TOP, x, BOTTOM, x, BOTTOM + 16, (int)buf.size, text);
	}
	for (unsigned i = 0; i <= 2; i++) {
		uint64_t bytes = graph->most_bytes * i / 2;

		fprintf(graph->to,
			"<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>"
			"<text class=\"end dim\" x=\"%d\" y=\"%.1f\">%" PRIu64 "</text>\n",
			FROM_X, y_of(graph, bytes), TO_X, y_of(graph, bytes), FROM_X - 6,
			y_of(graph, bytes) + 4, bytes);
	}
}

static void put_legend(const struct graph *graph)
{
	static const struct {
		const char *class, *text;
		bool is_theirs;
	} rows[] = {
		{"written", "bytes written here", false},
		{"arrived", "read by the peer", true},
		{"sent-there", "written by the peer", true},
		{"read", "read here", false},
	};
	int x = FROM_X;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].is_theirs && !graph->picture->theirs)
			continue;
		fprintf(graph->to,
			"<line class=\"%s\" x1=\"%d\" y1=\"26\" x2=\"%d\" y2=\"26\"/>"
			"<text x=\"%d\" y=\"30\">%s</text>\n",
			rows[i].class, x, x + 18, x + 24, rows[i].text);
		x += 190;
	}
}

static void include_end(struct graph *graph, unsigned side)
{
	const struct picture_end *end = drawing_end(graph->picture, side);

	for (size_t i = 0; end && i < end->chronicle.count; i++) {
		uint64_t time_ns =
			drawing_time(graph->picture, side, end->chronicle.list[i].time_ns);

		if (graph->from_ns == 0 || time_ns < graph->from_ns)
			graph->from_ns = time_ns;
		if (time_ns > graph->until_ns)
			graph->until_ns = time_ns;
	}
	if (end && end->chronicle.sent_bytes > graph->most_bytes)
		graph->most_bytes = end->chronicle.sent_bytes;
	if (end && end->chronicle.received_bytes > graph->most_bytes)
		graph->most_bytes = end->chronicle.received_bytes;
}

void svg_graph(FILE *to, const struct picture *picture)
{
	struct graph graph = {.to = to, .picture = picture, .most_bytes = 1};

	include_end(&graph, 0);
	include_end(&graph, 1);
	if (graph.until_ns <= graph.from_ns)
		graph.until_ns = graph.from_ns + 1;
	graph.until_ns += (graph.until_ns - graph.from_ns) / 16; /* what comes last is seen too */
	put_axes(&graph);
	put_hole(&graph);
	put_steps(&graph, 1, MOMENT_RECEIVED, "arrived");
	put_steps(&graph, 1, MOMENT_SENT, "sent-there");
	put_steps(&graph, 0, MOMENT_RECEIVED, "read");
	put_steps(&graph, 0, MOMENT_SENT, "written");
	put_legend(&graph);
}
