/*
 * What restores have left of the device, until its restart: whether it has to be restarted, whether
 * it is incomplete, and the lock that keeps programs from starting on it meanwhile.
 *
 * A device with real disks has a mark (device/mark.h), which every question here reads afresh: it
 * outlives gmid, and goes with the system's restart. Where no mark is kept or could be made, the
 * aftermath remembers.
 *
 *   gmi_aftermath_note     a restore has ended: called by its thread before the job counts as ended
 *   gmi_aftermath_settle   now and then while no job runs: programs are kept out for as long as
 *                          something is left, also by a gmid that was started anew
 *   gmi_aftermath_restart  the restart hook has succeeded
 *
 * Any thread. Internal to src/job.
 */
#ifndef GMI_JOB_AFTERMATH_H
#define GMI_JOB_AFTERMATH_H

#include "device/mark.h"
#include "device/programs.h"

#include <pthread.h>

struct gmi_aftermath {
	const struct gmi_profile *profile; /* borrowed */
	pthread_mutex_t lock;              /* all below; taken last */
	enum gmi_mark_state remembered;
	struct gmi_programs_lock programs;
};

void gmi_aftermath_init(struct gmi_aftermath *aftermath, const struct gmi_profile *profile);
void gmi_aftermath_release(struct gmi_aftermath *aftermath);

/* The mark's device id goes to `mark`, too, where there is one. */
enum gmi_mark_state gmi_aftermath_state(struct gmi_aftermath *aftermath, struct gmi_mark *mark);

/*
 * left: what the restore has made of the device; NONE if it wrote nothing. `whole`: it ended well,
 * so that nothing is incomplete any more. Takes the lock that it had.
 */
void gmi_aftermath_note(struct gmi_aftermath *aftermath, enum gmi_mark_state left, bool whole,
			struct gmi_programs_lock programs);
void gmi_aftermath_settle(struct gmi_aftermath *aftermath);
void gmi_aftermath_restart(struct gmi_aftermath *aftermath);

#endif
