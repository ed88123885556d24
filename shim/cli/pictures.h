/*
 * pictures: the connections of recordings, for what draws them.
 *
 * Memory: a part for each connection, and the moments that are kept of it.
 */
#ifndef CLI_PICTURES_H
#define CLI_PICTURES_H

#include "cli/open_rows.h"
#include "picture/picture.h"

struct pictures {
	const struct merge *merge;
	struct open_rows rows; /* with the report's filter */
	size_t most_moments;   /* of one connection */

	struct picture_end *ends;
	size_t end_count, end_capacity;
	/* Once they are finished: one for each connection of which the filter chooses an end, by
	 * the time of its first call. */
	struct picture *list;
	size_t count;
};

/* Starts with none. filter, merge: kept. most_moments: that are kept of each connection, the first
 * half of them and the latest. */
void pictures_start(struct pictures *pictures, const struct filter *filter,
		    const struct merge *merge, size_t most_moments);

/* Takes an event, whether the filter shows it or not. */
void pictures_take(struct pictures *pictures, const struct item *item);

/* Takes the connections that are still open, after reader_find_end for each reader, and pairs the
 * two ends of those that were recorded at both. */
void pictures_finish(struct pictures *pictures);

void pictures_free(struct pictures *pictures);

#endif
