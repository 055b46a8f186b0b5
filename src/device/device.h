/*
 * The device that a profile describes, as backup and restore meet it: who it is, its disks, whether
 * it is ready, and how it is brought to rest.
 *
 *   gmi_device_check_ready  restarted since the last restore (mark.h), and no program runs
 *   gmi_device_open         identity read, programs kept out, disks opened
 *   gmi_device_quiesce      from here on the disks stand still ...
 *   gmi_device_check_still  ... and have done so up to here ...
 *   gmi_device_take_over    (restore) from here on they are nobody's but ours, for good
 *   gmi_device_release      ... until here; on every path that quiesced and did not take over
 *   gmi_device_restart      after a restore
 *   gmi_device_close
 *
 * A guard process (guard.h) brings the device to rest and lets it go, also if gmi is killed. Hooks
 * run in a process group of their own under the profile's time limit; the whole group is killed
 * when it is over. Their output is bounded and goes into the message when they fail. One thread at
 * a time, but the disks may be read and written from several.
 */
#ifndef GMI_DEVICE_DEVICE_H
#define GMI_DEVICE_DEVICE_H

#include "base/error.h"
#include "base/report.h"
#include "device/claims.h"
#include "device/profile.h"
#include "device/programs.h"
#include "device/still.h"
#include "storage/disk.h"

struct gmi_identity {
	char id[64]; /* [A-Za-z0-9][A-Za-z0-9._-]*: it goes into file names */
	char model[128];
	char software[128];
};

enum gmi_device_access {
	GMI_DEVICE_LOOK,  /* beside others that look: an estimate, a rehearsal */
	GMI_DEVICE_READ,  /* alone: two that bring it to rest would also let it go too early */
	GMI_DEVICE_WRITE, /* alone */
};

struct gmi_guard; /* opaque */

struct gmi_device {
	const struct gmi_profile *profile; /* borrowed */
	struct gmi_identity identity;
	struct gmi_disk *disks[GMI_PROFILE_DISKS_MAX];
	uint32_t disk_count;
	enum gmi_device_access access;
	bool quiesced;
	bool taken_over;         /* only the restart helps now */
	struct gmi_guard *guard; /* while quiesced, and after take_over no more */
	struct gmi_still still;
	struct gmi_claims claims;          /* while quiesced or taken over */
	struct gmi_programs_lock programs; /* kept out until the release, at the latest the close */
};

GMI_MUST_CHECK int gmi_identity_read(const struct gmi_profile *profile,
				     struct gmi_identity *identity, struct gmi_error *err);

/* On failure *device is closed. GMI_E_JOB_RUNS if somebody else has it. */
GMI_MUST_CHECK int gmi_device_open(struct gmi_device *device, const struct gmi_profile *profile,
				   enum gmi_device_access access, struct gmi_error *err);
void gmi_device_close(struct gmi_device *device);

/*
 * Refuses files of our own that lie on the device's disks: what is written to there would wait for
 * a frozen filesystem for ever, and what is read from there would be overwritten. `fds` are
 * descriptors; those that are no files do not matter.
 */
GMI_MUST_CHECK int gmi_device_keep_off(const struct gmi_device *device, const int *fds,
				       uint32_t count, struct gmi_error *err);

/*
 * Whether a job may begin: GMI_E_RESTART or GMI_E_INCOMPLETE after an earlier restore,
 * GMI_E_PROGRAM_RUNS, or GMI_E_HOOK if that is not known.
 */
GMI_MUST_CHECK int gmi_device_check_ready(const struct gmi_profile *profile,
					  enum gmi_device_access access, struct gmi_error *err);

/*
 * Everything that writes is stopped, frozen, or remounted read-only, as the profile says; for a
 * restore what can be is unmounted. On failure the device works as before.
 */
GMI_MUST_CHECK int gmi_device_quiesce(struct gmi_device *device, struct gmi_report *report,
				      struct gmi_error *err);

/* Whether the disks stood still since quiesce. Fails with who did not let them. */
GMI_MUST_CHECK int gmi_device_check_still(const struct gmi_device *device, struct gmi_error *err);

/*
 * Before the first write of a restore: what is mounted still is shut down, the disks are taken
 * exclusively where nothing is mounted, and this process stays in memory, for what it would load
 * may lie on them. There is no release afterwards, only the restart; on failure, too, if the device
 * is no longer quiesced.
 */
GMI_MUST_CHECK int gmi_device_take_over(struct gmi_device *device, struct gmi_report *report,
					struct gmi_error *err);
/*
 * After a restore: the kernel learns the partitions that are on the disks now. Where something is
 * mounted still it cannot, and the restart does it; that is no failure.
 */
void gmi_device_reread_tables(struct gmi_device *device, struct gmi_report *report);
GMI_MUST_CHECK int gmi_device_release(struct gmi_device *device, struct gmi_report *report,
				      struct gmi_error *err);

/* What an earlier gmi that was killed left at rest is released; says so to *found. */
GMI_MUST_CHECK int gmi_device_recover(const struct gmi_profile *profile, bool *found,
				      struct gmi_error *err);
GMI_MUST_CHECK int gmi_device_restart(const struct gmi_profile *profile, struct gmi_error *err);

#endif
