/*
 * picture: one connection, as a picture shows it.
 *
 * Data only. Times are nanoseconds of the report's clock.
 */
#ifndef PICTURE_PICTURE_H
#define PICTURE_PICTURE_H

#include "diagnose/messages.h"
#include "diagnose/story.h"
#include "picture/chronicle.h"

/* What one recorded end saw of it. */
struct picture_end {
	const char *program; /* its name: any bytes but zero, not printable */
	const char *host;    /* name of its machine: likewise; "" if not known */
	struct connection_row row;
	struct story story;
	struct chronicle chronicle;
	struct messages *messages; /* NULL: none */
	const char *boot;          /* its machine since it was booted; "" if not known */
	uint64_t end_ns;           /* until when its recording goes */
	bool is_uncertain;         /* calls may be missing in its recording */
	bool is_chosen;            /* by the filter of the report */
};

struct picture {
	const struct picture_end *ours;
	const struct picture_end *theirs; /* NULL: the peer was not recorded */
	/* What has to be added to a time of theirs to get ours, and how far it may be off: in one
	 * machine both are 0. If it is not known, offset_ns is 0: the times are as the clocks of
	 * the two machines had them. */
	bool is_offset_known;
	int64_t offset_ns;
	uint64_t offset_error_ns;
};

#endif
