/*
 * How the mounted filesystems of a device come to rest, and back. Runs in the guard (guard.h), one
 * thread.
 *
 *   gmi_rest_begin      each comes to rest as the profile says, the last mounted first
 *   gmi_rest_undo       all is as before, the first mounted first; also what a killed gmi left
 *   gmi_rest_shut_down  for a restore: what is still mounted never writes again, for good
 *
 *             begin                         shut_down
 *   mounted --------> UNMOUNTED (restore) -------------> UNMOUNTED
 *           --------> FROZEN              -------------> SHUT_DOWN, cut off, thawed: its users get
 *                                                        errors
 *           --------> REMOUNTED, READ_ONLY ------------> SHUT_DOWN, or read-only where its driver
 *                                                        cannot, which does not write either
 *
 * Every deed is noted in the record before it is done, so that undo never forgets one; undoing what
 * was not done does no harm.
 */
#ifndef GMI_DEVICE_REST_H
#define GMI_DEVICE_REST_H

#include "base/error.h"
#include "device/mounts.h"
#include "device/profile.h"
#include "device/record.h"

#define GMI_REST_STEPS_MAX 64

enum gmi_rest_state {
	GMI_REST_READ_ONLY, /* nothing to do, nothing to undo */
	GMI_REST_UNMOUNTED,
	GMI_REST_REMOUNTED,
	GMI_REST_FROZEN,
	GMI_REST_SHUT_DOWN,
};

/* One filesystem, however often it is mounted. */
struct gmi_rest_step {
	struct gmi_mount mount; /* by which it is reached */
	enum gmi_rest_state state;
	int fd; /* its root, to be thawed by; -1: none */
};

struct gmi_rest_plan {
	struct gmi_rest_step
		*steps; /* GMI_REST_STEPS_MAX, in the order in which they came to rest */
	uint32_t count;
};

struct gmi_rest_device {
	const struct gmi_profile *profile;
	struct gmi_disk *const *disks;
	uint32_t disk_count;
	bool for_writing; /* a restore: unmount what can be unmounted */
};

/* Tells what was done, for the log. */
struct gmi_rest_voice {
	void (*say)(void *context, const char *text);
	void *context;
};

GMI_MUST_CHECK int gmi_rest_plan_new(struct gmi_rest_plan *plan, struct gmi_error *err);
void gmi_rest_plan_release(struct gmi_rest_plan *plan);

/* On failure some may be at rest: undo. */
GMI_MUST_CHECK int gmi_rest_begin(struct gmi_rest_plan *plan, const struct gmi_rest_device *device,
				  struct gmi_record *record, const struct gmi_rest_voice *voice,
				  struct gmi_error *err);

/* Tries all even if one fails; the first failure is told. */
GMI_MUST_CHECK int gmi_rest_undo(struct gmi_rest_plan *plan, struct gmi_error *err);

/* On failure the device may be left without some of its filesystems: only its restart helps. */
GMI_MUST_CHECK int gmi_rest_shut_down(struct gmi_rest_plan *plan,
				      const struct gmi_rest_device *device,
				      const struct gmi_rest_voice *voice, struct gmi_error *err);

/* What the profile says by any of the places where the filesystem is mounted. */
enum gmi_rest gmi_rest_wanted(const struct gmi_profile *profile, const struct gmi_mounts *mounts,
			      const struct gmi_mount *mount);

/* Reads a line of the record, as gmi_rest_begin() noted it, into one more step. */
void gmi_rest_plan_add_noted(struct gmi_rest_plan *plan, const char *line);

#endif
