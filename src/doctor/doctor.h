/*
 * The doctor: a profile held against the machine that it is to be used on, before it has to work.
 * Looks, runs the busy hook, and changes nothing.
 *
 *   gmi_doctor_new       empty; `root` stands before /proc, /sys and /etc: "" but in tests
 *   gmi_doctor_examine   everything; what was found is in findings, ordered by group
 *   gmi_doctor_free
 *
 * A finding that is not ok says what to do. Nothing is printed here: src/cli/cmd_doctor.c renders.
 * It finds the more the more it may see: what an ordinary user cannot look at is told as a note,
 * and that something was not looked at as a warning. One thread.
 */
#ifndef GMI_DOCTOR_H
#define GMI_DOCTOR_H

#include "device/device.h"
#include "device/mounts.h"
#include "device/profile.h"
#include "storage/layout.h"

#define GMI_FINDINGS_MAX 256

enum gmi_severity {
	GMI_SEVERITY_OK,
	GMI_SEVERITY_NOTE,    /* worth knowing */
	GMI_SEVERITY_WARNING, /* it works, but something is not covered, or not as it should be */
	GMI_SEVERITY_PROBLEM, /* a backup or a restore would be refused, or fail */
	GMI_SEVERITY_COUNT,
};

enum gmi_finding_group {
	GMI_FINDING_DEVICE,
	GMI_FINDING_DISKS,
	GMI_FINDING_VOLUMES,
	GMI_FINDING_MOUNTS,
	GMI_FINDING_RESTORE, /* what only a restore minds */
	GMI_FINDING_HOOKS,
	GMI_FINDING_PLACES,
	GMI_FINDING_MACHINE,
	GMI_FINDING_NETWORK,
	GMI_FINDING_GROUP_COUNT,
};

struct gmi_finding {
	enum gmi_finding_group group;
	enum gmi_severity severity;
	char what[512];
	char next[320]; /* empty if ok */
};

struct gmi_doctor {
	const char *root; /* borrowed */
	struct gmi_finding findings[GMI_FINDINGS_MAX];
	uint32_t finding_count;
	uint32_t counts[GMI_SEVERITY_COUNT]; /* of all findings, also of those that found no room */
	enum gmi_finding_group group;        /* of the next finding */
	uint32_t unseen;                     /* things that only root may look at */

	struct gmi_profile profile;
	bool loaded;              /* the profile is there */
	bool identified;          /* device.identity is there */
	struct gmi_device device; /* the disks that could be opened */
	struct gmi_layout layout; /* of these */
	struct gmi_mounts mounts; /* on these */
};

GMI_MUST_CHECK int gmi_doctor_new(struct gmi_doctor **out, const char *root, struct gmi_error *err);
void gmi_doctor_examine(struct gmi_doctor *doctor, const char *profile_path);
void gmi_doctor_free(struct gmi_doctor *doctor); /* NULL is fine */

enum gmi_severity gmi_doctor_worst(const struct gmi_doctor *doctor);

/* "ok", "note", "warning", "problem" */
const char *gmi_severity_name(enum gmi_severity severity);

/* A short stable word ("disks"), for programs; and a heading. */
const char *gmi_finding_group_name(enum gmi_finding_group group);
const char *gmi_finding_group_title(enum gmi_finding_group group);

#endif
