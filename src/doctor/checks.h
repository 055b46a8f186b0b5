/*
 * What the parts of the doctor share: how a finding is made, and the checks that doctor.c calls one
 * after the other. Internal to src/doctor.
 *
 *   gmi_doctor_find(doctor, GMI_SEVERITY_WARNING, "disk %s is write-protected", name);
 *   gmi_doctor_advise(doctor, "Release its switch.");
 */
#ifndef GMI_DOCTOR_CHECKS_H
#define GMI_DOCTOR_CHECKS_H

#include "doctor/doctor.h"

#include <stdio.h>
#include <sys/types.h>

/* One more finding of the current group. */
void gmi_doctor_find(struct gmi_doctor *doctor, enum gmi_severity severity, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* What to do about the last one. */
void gmi_doctor_advise(struct gmi_doctor *doctor, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A note that this could not be looked at by the user who runs gmi. */
void gmi_doctor_unseen(struct gmi_doctor *doctor, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Whether errno or err.sys is what root would not have met. */
bool gmi_doctor_is_forbidden(int sys);

/* The first line of a file below root, without its end. False if it cannot be read. */
bool gmi_doctor_read_line(const struct gmi_doctor *doctor, char *line, size_t size,
			  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Opens a file below root for reading; NULL if it cannot be. */
FILE *gmi_doctor_open(const struct gmi_doctor *doctor, const char *path);

/* Only then can anything be said about what is not there. */
bool gmi_doctor_sees_all_disks(const struct gmi_doctor *doctor);

/* Whether a file or folder lies on a disk of the profile: *disk is its index. */
bool gmi_doctor_is_on_disk(const struct gmi_doctor *doctor, const char *path, uint32_t *disk);

/* The filesystem of a volume that is mounted read-write, or NULL. */
const struct gmi_mount *gmi_doctor_at_work(const struct gmi_doctor *doctor,
					   const struct gmi_volume *volume);

/* disks.c */
void gmi_doctor_check_disks(struct gmi_doctor *doctor);
void gmi_doctor_check_queue(struct gmi_doctor *doctor, const struct gmi_disk *disk);
void gmi_doctor_check_other_disks(struct gmi_doctor *doctor);

/* volumes.c */
void gmi_doctor_check_volumes(struct gmi_doctor *doctor);

/* mounts.c */
void gmi_doctor_check_mounts(struct gmi_doctor *doctor);
void gmi_doctor_check_swap(struct gmi_doctor *doctor);

/* Bind mounts show one filesystem at several places: true at the first. */
bool gmi_doctor_is_first_mount(const struct gmi_doctor *doctor, uint32_t number);

/* restore.c */
void gmi_doctor_check_restore(struct gmi_doctor *doctor);

/* hooks.c */
void gmi_doctor_check_hooks(struct gmi_doctor *doctor);

/*
 * The program that a command line begins with, as the shell would read it. False if that is the
 * shell itself: a built-in, a variable, a bracket.
 */
bool gmi_doctor_program_of(const char *command, char word[256]);

/* Where the shell would find it; false if it is nowhere. */
bool gmi_doctor_find_program(const struct gmi_profile *profile, const char *word, char path[600]);

/* places.c */
void gmi_doctor_check_places(struct gmi_doctor *doctor);

/* machine.c */
void gmi_doctor_check_machine(struct gmi_doctor *doctor);
void gmi_doctor_check_clock(struct gmi_doctor *doctor, int64_t now);

/* network.c */
void gmi_doctor_check_network(struct gmi_doctor *doctor);

#endif
