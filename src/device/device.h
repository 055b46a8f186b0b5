/*
 * The device that a profile describes, as backup and restore meet it: who it is, its disks, whether
 * it is idle, and how it is brought to rest.
 *
 *   gmi_device_open        identity read, disks opened
 *   gmi_device_check_idle  GMI_E_PROGRAM_RUNS names the program that runs
 *   gmi_device_quiesce     from here on the disks stand still ...
 *   gmi_device_release     ... until here; called on every path that quiesced
 *   gmi_device_restart     after a restore
 *   gmi_device_close
 *
 * Hooks run in a process group of their own under the profile's time limit; the whole group is
 * killed when it is over. Their output is bounded and goes into the message when they fail. One
 * thread at a time, but the disks may be read and written from several.
 */
#ifndef GMI_DEVICE_DEVICE_H
#define GMI_DEVICE_DEVICE_H

#include "base/error.h"
#include "device/profile.h"
#include "storage/disk.h"

struct gmi_identity {
	char id[64]; /* [A-Za-z0-9][A-Za-z0-9._-]*: it goes into file names */
	char model[128];
	char software[128];
};

struct gmi_device {
	const struct gmi_profile *profile; /* borrowed */
	struct gmi_identity identity;
	struct gmi_disk *disks[GMI_PROFILE_DISKS_MAX];
	uint32_t disk_count;
	bool quiesced;
};

GMI_MUST_CHECK int gmi_identity_read(const struct gmi_profile *profile,
				     struct gmi_identity *identity, struct gmi_error *err);

enum gmi_device_access {
	GMI_DEVICE_LOOK,  /* beside others that look: an estimate, a rehearsal */
	GMI_DEVICE_READ,  /* alone: two that bring it to rest would also let it go too early */
	GMI_DEVICE_WRITE, /* alone */
};

/* On failure *device is closed. GMI_E_JOB_RUNS if somebody else has it. */
GMI_MUST_CHECK int gmi_device_open(struct gmi_device *device, const struct gmi_profile *profile,
				   enum gmi_device_access access, struct gmi_error *err);
void gmi_device_close(struct gmi_device *device);

/*
 * Runs the busy hook: exit 0 is idle; exit 1 is GMI_E_PROGRAM_RUNS with the hook's first line of
 * output as the program's name, copied to `program`; anything else is GMI_E_HOOK.
 */
GMI_MUST_CHECK int gmi_device_check_idle(const struct gmi_profile *profile, char program[64],
					 struct gmi_error *err);
GMI_MUST_CHECK int gmi_device_quiesce(struct gmi_device *device, struct gmi_error *err);
GMI_MUST_CHECK int gmi_device_release(struct gmi_device *device, struct gmi_error *err);
GMI_MUST_CHECK int gmi_device_restart(const struct gmi_profile *profile, struct gmi_error *err);

#endif
