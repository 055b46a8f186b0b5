/*
 * The profile: one INI file that tells gmi everything it must know about a device. docs/profile.md
 * describes each key. Relative paths are relative to the profile's folder. Unknown sections and
 * keys are refused with file and line: a misspelt "quiesce" must not become a backup of a moving
 * disk.
 *
 * Plain data after loading: read from any thread, release when done.
 */
#ifndef GMI_DEVICE_PROFILE_H
#define GMI_DEVICE_PROFILE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define GMI_PROFILE_DISKS_MAX 16
#define GMI_PROFILE_MOUNTS_MAX 32

struct gmi_profile_disk {
	char name[33];  /* [a-z0-9-], at most 32 */
	char path[256]; /* absolute after loading */
	bool flash;
	bool type_given; /* flash was told, not left at its default */
};

/* How a mounted filesystem comes to rest. docs/profile.md says when which one fits. */
enum gmi_rest {
	GMI_REST_UNTOLD, /* the profile does not say */
	GMI_REST_NONE,   /* it is read-only, or the quiesce hook sees to it */
	GMI_REST_REMOUNT_RO,
	GMI_REST_FREEZE,
};

struct gmi_profile_mount {
	char path[64]; /* mount point; "*": every one that is not named */
	enum gmi_rest rest;
};

struct gmi_profile_hooks { /* command lines for /bin/sh -c; empty: nothing to do */
	char busy[512];
	char quiesce[512];
	char release[512];
	char restart[512];
	uint32_t timeout;       /* seconds that each may take; 30 unless told */
	uint32_t quiesce_limit; /* seconds that a backup may keep the device at rest; 14400 */
};

struct gmi_profile {
	char path[256];   /* of the profile itself */
	char folder[256]; /* hooks run here */
	char id[256];     /* a value, or "file:PATH" for that file's first line */
	char model[256];
	char software[256];
	struct gmi_profile_disk disks[GMI_PROFILE_DISKS_MAX];
	uint32_t disk_count;
	struct gmi_profile_mount mounts[GMI_PROFILE_MOUNTS_MAX];
	uint32_t mount_count;
	struct gmi_profile_hooks hooks;
	char lock[256];       /* file that programs and gmi lock against each other; or empty */
	char runtime[256];    /* folder of what must not outlive the system's run; absolute */
	char journal[256];    /* where a restore notes that it is committed; or empty */
	char listen[128];     /* ADDRESS:PORT, or [v6]:PORT */
	uint32_t client_wait; /* seconds that a job waits for a stalled client; 300 unless told */
	uint32_t link_rate;   /* megabytes a second to the user's computer; 0: not known */
};

GMI_MUST_CHECK int gmi_profile_load(struct gmi_profile *profile, const char *path,
				    struct gmi_error *err);

/* What the profile says of a mount point, by name or by "*". */
enum gmi_rest gmi_profile_rest(const struct gmi_profile *profile, const char *mount_point);

#endif
