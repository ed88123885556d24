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

	uint64_t events, first_ns, last_ns; /* calls; the first began, the last one returned */
	struct picture_end *ends;
	size_t end_count, end_capacity;
	/* Once they are read: one for each connection of which the filter chooses an end, by
	 * the time of its first call. */
	struct picture *list;
	size_t count;
};

/* Starts with none. filter, merge: kept. most_moments: that are kept of each connection, the first
 * half of them and the latest. */
void pictures_start(struct pictures *pictures, const struct filter *filter,
		    const struct merge *merge, size_t most_moments);

/* Reads the recordings to their end, with the calls that threads are in there, and pairs the two
 * ends of connections that were recorded at both. */
void pictures_read(struct pictures *pictures, struct merge *merge);

void pictures_free(struct pictures *pictures);

#endif
