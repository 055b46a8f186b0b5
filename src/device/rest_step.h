/*
 * What is done to one filesystem to bring it to rest, and back. Nothing is noted here: rest.c does
 * that before. The doctor asks what would be possible.
 */
#ifndef GMI_DEVICE_REST_STEP_H
#define GMI_DEVICE_REST_STEP_H

#include "device/rest.h"

/* Whether a filesystem may be tried to be unmounted: it can be brought back as it was. */
bool gmi_rest_may_be_unmounted(const struct gmi_mounts *mounts, const struct gmi_mount *mount);

/* Whether one that is mounted read-write can be kept from writing for good. */
bool gmi_rest_can_be_shut_down(const struct gmi_mount *mount, const struct gmi_disk *disk);

/* Whether a restore that broke off has cut it off and shut it down: it writes nothing any more. */
bool gmi_rest_is_cut_off(const struct gmi_mount *mount, const struct gmi_disk *disk);

/* *unmounted false: it is in use, and is as it was. */
GMI_MUST_CHECK int gmi_rest_step_unmount(const struct gmi_mounts *mounts,
					 const struct gmi_mount *mount, bool *unmounted,
					 struct gmi_error *err);

/* On failure there is nothing to undo, and step->state says so. */
GMI_MUST_CHECK int gmi_rest_step_make_read_only(struct gmi_rest_step *step, struct gmi_error *err);
GMI_MUST_CHECK int gmi_rest_step_freeze(struct gmi_rest_step *step, struct gmi_error *err);

/* Does no harm where there is nothing to undo. */
GMI_MUST_CHECK int gmi_rest_step_undo(struct gmi_rest_step *step, struct gmi_error *err);

GMI_MUST_CHECK int gmi_rest_step_shut_down(struct gmi_rest_step *step, const struct gmi_disk *disk,
					   struct gmi_error *err);

#endif
