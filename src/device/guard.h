/*
 * The guard: a small process beside gmi that brings the device to rest and lets it go again. It
 * outlives gmi: when gmi ends in whatever way, is killed, or takes longer than the profile allows,
 * the guard lets the device go by itself.
 *
 *   gmi_guard_start      forks it; nothing is at rest yet
 *   gmi_guard_quiesce    the quiesce hook, then the mounted filesystems (rest.h); on failure all is
 *                        undone already
 *   gmi_guard_shut_down  for a restore that is about to write: from here on there is no release
 *   gmi_guard_release    the filesystems, then the release hook
 *   gmi_guard_end        always; releases what is still at rest
 *
 * If the guard itself is killed, gmi does its work from the record; if both are, the next start of
 * gmi does (gmi_guard_recover). One thread at a time.
 */
#ifndef GMI_DEVICE_GUARD_H
#define GMI_DEVICE_GUARD_H

#include "base/error.h"
#include "base/report.h"
#include "device/profile.h"
#include "storage/disk.h"

struct gmi_guard; /* opaque */

/* Borrows profile and disks until end. */
GMI_MUST_CHECK int gmi_guard_start(struct gmi_guard **out, const struct gmi_profile *profile,
				   struct gmi_disk *const *disks, uint32_t disk_count,
				   bool for_writing, struct gmi_error *err);
GMI_MUST_CHECK int gmi_guard_quiesce(struct gmi_guard *guard, struct gmi_report *report,
				     struct gmi_error *err);
GMI_MUST_CHECK int gmi_guard_shut_down(struct gmi_guard *guard, struct gmi_report *report,
				       struct gmi_error *err);
/* Also fails if the guard had to release the device before it was asked to. */
GMI_MUST_CHECK int gmi_guard_release(struct gmi_guard *guard, struct gmi_report *report,
				     struct gmi_error *err);
void gmi_guard_end(struct gmi_guard *guard); /* NULL is fine */

/*
 * Releases what an earlier gmi that was killed left at rest; *found tells whether there was any.
 * Needs no disk. GMI_E_JOB_RUNS if another gmi has the device at rest right now.
 */
GMI_MUST_CHECK int gmi_guard_recover(const struct gmi_profile *profile, bool *found,
				     struct gmi_error *err);

#endif
