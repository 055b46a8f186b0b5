/*
 * A crew: several threads that work off one list of chunks, in order, and stop at the first
 * failure. Verifying a file and the three passes of a restore differ only in what is done with a
 * chunk.
 */
#ifndef GMI_BASE_CREW_H
#define GMI_BASE_CREW_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct gmi_crew_item {
	uint32_t group;  /* of volumes, mostly */
	uint64_t number; /* within the group */
};

struct gmi_crew_task {
	void *context;
	/* Gives the next item; false at the end. Called under a lock, so it need not be
	 * thread-safe. */
	bool (*next)(void *context, struct gmi_crew_item *item);
	/* Does one item in one of the threads; `member` numbers the thread from 0. */
	int (*work)(void *context, unsigned int member, const struct gmi_crew_item *item,
		    struct gmi_error *err);
};

/* Returns when all is done, or with the first failure after every thread has stopped. */
GMI_MUST_CHECK int gmi_crew_run(unsigned int members, const struct gmi_crew_task *task,
				struct gmi_error *err);

#endif
