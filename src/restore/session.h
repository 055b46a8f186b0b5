/*
 * A whole restore of a device: idle check, disks opened, the file checked, quiesced, compared,
 * written, verified, released. gmid's job and the command line both run this, so that the order of
 * steps and the release stand in one place.
 *
 *   gmi_restore_session_new    idle; disks open; file, device id and disks checked; no service
 *                              stopped yet
 *   gmi_restore_session_run    the rest; a rehearsal (dry_run) ends after the comparison
 *   gmi_restore_session_free   at any time after run has returned, or without run
 *
 * One thread calls new, run and free; gmi_restore_cancel() and the report may be used from others
 * between new and free.
 */
#ifndef GMI_RESTORE_SESSION_H
#define GMI_RESTORE_SESSION_H

#include "base/error.h"
#include "base/report.h"
#include "base/source.h"
#include "device/profile.h"
#include "device/programs.h"
#include "restore/restore.h"

#include <stdbool.h>

struct gmi_restore_session; /* opaque */

struct gmi_restore_session_options {
	struct gmi_restore_options engine;
	bool dry_run;       /* disks are opened for reading only, nothing is quiesced */
	const int *outside; /* descriptors that must not lie on the disks */
	uint32_t outside_count;
};

/* Borrows all until free. On failure nothing is held and the device is as it was. */
GMI_MUST_CHECK int gmi_restore_session_new(struct gmi_restore_session **out,
					   const struct gmi_profile *profile,
					   struct gmi_source *file,
					   const struct gmi_restore_session_options *options,
					   struct gmi_report *report, struct gmi_error *err);
GMI_MUST_CHECK int gmi_restore_session_run(struct gmi_restore_session *session,
					   struct gmi_error *err);
void gmi_restore_session_free(struct gmi_restore_session *session);

/* After run: the lock that the session has, if any, belongs to the caller from here on. */
struct gmi_programs_lock gmi_restore_session_keep_programs_out(struct gmi_restore_session *session);

/* For the summary, the list of changes, cancelling and whether the device was touched. */
struct gmi_restore *gmi_restore_session_engine(struct gmi_restore_session *session);

#endif
