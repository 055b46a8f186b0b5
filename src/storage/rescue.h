/*
 * Reading what a failing disk still gives: where a range cannot be read whole, it is read again in
 * small pieces, and what stays unreadable is listed and reads as zeros.
 *
 * Each piece that fails costs what kernel and drive take to give up, often seconds, so a disk that
 * is dead as a whole must not be asked for every piece. Over all calls of one disk, pieces are
 * counted that failed in a row without one that could be read:
 *
 *   8 MiB     from then on a range is only probed, by its first and its last piece; if both fail,
 *             all of it counts as unreadable
 *   128 MiB   the disk is dead: it is not asked again
 *
 * So a dead disk costs some thousand failing reads, whatever its size; a hole of less than 8 MiB
 * never hides a byte that could be read.
 */
#ifndef GMI_STORAGE_RESCUE_H
#define GMI_STORAGE_RESCUE_H

#include "storage/used_io.h"

#include <stdatomic.h>

/* Of one disk, zeroed at the beginning; shared by all threads that read it. */
struct gmi_rescue {
	atomic_uint barren; /* pieces that failed in a row */
};

/*
 * gmi_used_read() that goes on. Appends to *unreadable, in bytes from the volume's start,
 * the used bytes of the range that could not be read. Fails where the disk itself is gone or the
 * failure has nothing to do with a place on it.
 */
GMI_MUST_CHECK int gmi_rescue_read(struct gmi_rescue *rescue, const struct gmi_used_view *view,
				   uint64_t offset, void *data, size_t length,
				   struct gmi_extents *unreadable, struct gmi_error *err);

bool gmi_rescue_gave_up(const struct gmi_rescue *rescue); /* on the disk as a whole */

#endif
