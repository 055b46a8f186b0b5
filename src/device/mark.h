/*
 * The restart mark: what a restore has left of a device that has not been restarted since. A small
 * file in the profile's runtime folder, which lies in memory: every restart of the system takes it
 * away, and nothing else but a restart hook of a device that only plays one.
 *
 *   gmi_mark_make    before the first byte is written (incomplete), after verification (restored)
 *   gmi_mark_read    what stands now
 *   gmi_mark_check   whether a job may begin on a device in that state
 *
 * Only a device with real disks keeps a mark: of image files nobody's system runs, and a
 * developer's profile must not lock its machine's folders. Who needs to know of such a device
 * (gmid) remembers it. Any thread; nothing is held between calls.
 */
#ifndef GMI_DEVICE_MARK_H
#define GMI_DEVICE_MARK_H

#include "base/error.h"
#include "device/device.h"
#include "device/profile.h"

#include <stdbool.h>
#include <stdint.h>

enum gmi_mark_state {
	GMI_MARK_NONE,
	GMI_MARK_INCOMPLETE, /* part old, part new: to be mended by another restore */
	GMI_MARK_RESTORED,   /* as the backup; but what runs belongs to what was there before */
};

struct gmi_mark {
	enum gmi_mark_state state;
	char device[64]; /* its id: what a restored device could read it from may be gone */
	int64_t made;    /* Unix time */
};

/* Whether marks of this device are kept: one of its disks is a block device or raw flash. */
bool gmi_mark_is_kept(const struct gmi_profile *profile);

/*
 * A mark of an earlier run of the system is removed and counts as none. One that makes no sense
 * counts as incomplete: something was being written, or nobody would have made it.
 */
void gmi_mark_read(const struct gmi_profile *profile, struct gmi_mark *mark);

/* Takes the place of an earlier one. Does nothing, with success, where no mark is kept. */
GMI_MUST_CHECK int gmi_mark_make(const struct gmi_profile *profile, enum gmi_mark_state state,
				 const char *device_id, struct gmi_error *err);

/*
 * GMI_E_RESTART or GMI_E_INCOMPLETE if a backup (GMI_DEVICE_READ) or a restore (GMI_DEVICE_WRITE)
 * must not begin. Who only looks may always.
 */
GMI_MUST_CHECK int gmi_mark_check(enum gmi_mark_state state, enum gmi_device_access access,
				  struct gmi_error *err);

#endif
