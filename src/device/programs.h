/*
 * Programs of the instrument and jobs of gmi keep each other out, in two ways that a profile may
 * name, one or both:
 *
 *   busy hook   gmi asks whether a program runs
 *   lock file   programs hold a shared flock on it while they run, gmi an exclusive one while it
 *               has the device, so that a program cannot begin during a job either
 *
 *   gmi_programs_check     for those who look: does not take the lock, because a program that tries
 *                          in that moment would fail; the kernel's list of locks tells the holder
 *   gmi_programs_keep_out  for a job: takes it
 *   gmi_programs_let_in    gives it back
 *
 * Any thread; a struct gmi_programs_lock belongs to one at a time.
 */
#ifndef GMI_DEVICE_PROGRAMS_H
#define GMI_DEVICE_PROGRAMS_H

#include "base/error.h"
#include "device/profile.h"

#include <stdbool.h>

#define GMI_PROGRAM_LENGTH 64

/* All zeros: nothing is held. */
struct gmi_programs_lock {
	bool held;
	int fd; /* close-on-exec: what a hook starts must not keep it */
};

/*
 * GMI_E_PROGRAM_RUNS with the program's name copied to `program`: who holds the lock file, or,
 * where the busy hook exits with 1, what it printed first. Any other status of the hook is
 * GMI_E_HOOK.
 */
GMI_MUST_CHECK int gmi_programs_check(const struct gmi_profile *profile,
				      char program[GMI_PROGRAM_LENGTH], struct gmi_error *err);

/*
 * Without a lock file in the profile, or where this process holds it already, it succeeds and holds
 * nothing more. GMI_E_PROGRAM_RUNS, or GMI_E_JOB_RUNS if another gmi has it.
 */
GMI_MUST_CHECK int gmi_programs_keep_out(struct gmi_programs_lock *lock,
					 const struct gmi_profile *profile, struct gmi_error *err);

void gmi_programs_let_in(struct gmi_programs_lock *lock);

/*
 * Makes the lock file if there is none, readable for everybody: a program that is not root can lock
 * it but could not make it.
 */
GMI_MUST_CHECK int gmi_programs_make_lock_file(const struct gmi_profile *profile,
					       struct gmi_error *err);

#endif
