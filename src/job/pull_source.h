/*
 * A GMI file that lies at the other end of a cable, as a source: whoever reads it publishes the
 * byte ranges that it wants and waits; the client asks what is wanted and sends just that.
 *
 *   reading side   gmi_pull_source_as_source()->read_at, from any number of threads
 *   client's side  wanted -> (receive_begin, receive..., receive_end) per range, in any order
 *   a new client   attach: it has to show by the file's last bytes that it offers the same file;
 *                  then what was handed out and has not come is handed out again
 *
 * Received bytes go straight into the reader's memory: nothing is buffered here, so however many
 * ranges are on their way, memory is what the readers have. A range has these states, under one
 * lock:
 *
 *     WANTED --wanted()--> HANDED --receive_begin--> RECEIVING --receive_end--> DONE
 *        ^-------attach, or not begun in time------+     |
 *        ^-------connection broken-----------------------+
 *
 * A read fails with GMI_E_CLIENT when nothing has arrived for `patience` seconds.
 */
#ifndef GMI_JOB_PULL_SOURCE_H
#define GMI_JOB_PULL_SOURCE_H

#include "base/error.h"
#include "base/source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GMI_RANGE_LENGTH_MAX (1u << 20)

struct gmi_range {
	uint64_t offset;
	uint32_t length;
};

struct gmi_pull_source; /* opaque; every function may be called from any thread */

GMI_MUST_CHECK int gmi_pull_source_new(struct gmi_pull_source **out, uint64_t length,
				       uint32_t patience, struct gmi_error *err);
/* After every reader and every receiver has returned. */
void gmi_pull_source_free(struct gmi_pull_source *pull);

struct gmi_source *gmi_pull_source_as_source(struct gmi_pull_source *pull);

/* Reads the last bytes and remembers them, so that a later client can be asked for them. */
GMI_MUST_CHECK int gmi_pull_source_remember(struct gmi_pull_source *pull, struct gmi_error *err);

/* Makes every read return GMI_E_CANCELLED, now and from now on. */
void gmi_pull_source_cancel(struct gmi_pull_source *pull);

/*
 * Up to `most` ranges that are wanted and that nobody has been told; waits for the first one at
 * most that long. Fails with GMI_E_CONFLICT if the client offers another file (see attach).
 */
GMI_MUST_CHECK int gmi_pull_source_wanted(struct gmi_pull_source *pull, unsigned int milliseconds,
					  struct gmi_range *ranges, size_t most, size_t *count,
					  struct gmi_error *err);

/* GMI_E_CLIENT if just this range is not wanted. *ticket names the range in the calls below. */
GMI_MUST_CHECK int gmi_pull_source_receive_begin(struct gmi_pull_source *pull,
						 const struct gmi_range *range, uint64_t *ticket,
						 struct gmi_error *err);
GMI_MUST_CHECK int gmi_pull_source_receive(struct gmi_pull_source *pull, uint64_t ticket,
					   const void *data, size_t length, struct gmi_error *err);
/* complete: all bytes have come; else the range is wanted again. */
GMI_MUST_CHECK int gmi_pull_source_receive_end(struct gmi_pull_source *pull, uint64_t ticket,
					       bool complete, struct gmi_error *err);

/* A client comes (again) with a file of this length. */
GMI_MUST_CHECK int gmi_pull_source_attach(struct gmi_pull_source *pull, uint64_t length,
					  struct gmi_error *err);

/* Whether something is wanted and no client has been heard of for some seconds. */
bool gmi_pull_source_is_alone(struct gmi_pull_source *pull);

#endif
