/*
 * The restore engine: brings the device's disks to what a GMI file says, moving only what differs.
 *
 *   gmi_restore_open      CHECKED    file, format, device id, disks and their sizes
 *   gmi_restore_compare   COMPARED   each chunk that the backup uses is compared; every one that
 *                                    differs is fetched and checked, so that a damaged file is
 *                                    found before the first write
 *   gmi_restore_write     WRITTEN    what became unused is discarded, what differs is fetched again
 *                                    and written
 *   gmi_restore_verify    VERIFIED   what was written is read back and hashed
 *   gmi_restore_free
 *
 * Places that could not be read at the backup (gmi_index_unreadable) are neither compared nor
 * written, zeroed or discarded.
 *
 * Any failure before gmi_restore_write() leaves the device byte for byte as it was; from there on
 * until VERIFIED the device is incomplete, and the same restore can be repeated: it continues by
 * comparing. gmi_restore_is_touched() tells which. Calls come from one thread; each uses workers of
 * its own.
 */
#ifndef GMI_RESTORE_RESTORE_H
#define GMI_RESTORE_RESTORE_H

#include "base/error.h"
#include "base/report.h"
#include "base/source.h"
#include "device/device.h"
#include "format/reader.h"

struct gmi_restore_options {
	unsigned int workers; /* 0: as many as cores, and some more for a slow source */
};

/* What one volume needs, for the rehearsal's list. */
struct gmi_restore_change {
	const char *volume;
	uint64_t chunks_changed;
	uint64_t bytes_changed; /* content bytes of those chunks */
	uint64_t bytes_zeroed;  /* of which are to become zeros */
	uint64_t bytes_discarded;
	uint64_t bytes_unreadable; /* at the backup; left as they are */
};

struct gmi_restore_summary {
	uint64_t bytes_compared;
	uint64_t bytes_changed; /* content that differs */
	uint64_t bytes_moved;   /* read from the file for chunks */
	uint64_t bytes_written;
	uint64_t bytes_zeroed;
	uint64_t bytes_discarded;
	uint64_t bytes_verified;
	uint64_t bytes_unreadable; /* at the backup; left as they are. Known from open on */
};

struct gmi_restore; /* opaque */

/* Borrows all until free. */
GMI_MUST_CHECK int gmi_restore_open(struct gmi_restore **out, struct gmi_source *file,
				    struct gmi_device *device,
				    const struct gmi_restore_options *options,
				    struct gmi_report *report, struct gmi_error *err);
GMI_MUST_CHECK int gmi_restore_compare(struct gmi_restore *restore, struct gmi_error *err);
GMI_MUST_CHECK int gmi_restore_write(struct gmi_restore *restore, struct gmi_error *err);
GMI_MUST_CHECK int gmi_restore_verify(struct gmi_restore *restore, struct gmi_error *err);
void gmi_restore_free(struct gmi_restore *restore);

/*
 * Makes every call that runs, in whatever thread, return GMI_E_CANCELLED soon. Any thread. Without
 * effect from the first write on: a restore that has begun goes to its end.
 */
void gmi_restore_cancel(struct gmi_restore *restore);

bool gmi_restore_is_touched(const struct gmi_restore *restore); /* whether a byte was written */
/* After compare: whether write will write or discard anything. */
bool gmi_restore_has_work(const struct gmi_restore *restore);
/* Whether it was by this restore, or, by the device's mark, by one before it. */
bool gmi_restore_needs_restart(const struct gmi_restore *restore);
struct gmi_restore_summary gmi_restore_summary(const struct gmi_restore *restore);
const struct gmi_reader *gmi_restore_reader(const struct gmi_restore *restore);

/* A disk that is larger than at the backup: number `index` of those; false past the last. */
bool gmi_restore_larger_disk(const struct gmi_restore *restore, uint32_t index, const char **name,
			     uint64_t *left_alone);

/* After compare: volume number `index` of the file; false past the last. */
bool gmi_restore_change(const struct gmi_restore *restore, uint32_t index,
			struct gmi_restore_change *change);

#endif
