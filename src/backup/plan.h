/*
 * The order in which a backup's chunks are dealt out: volume by volume, chunk by chunk, with
 * stretches that no used map touches taken in one step. Internal to src/backup.
 */
#ifndef GMI_BACKUP_PLAN_H
#define GMI_BACKUP_PLAN_H

#include "storage/layout.h"

#include <stdbool.h>
#include <stdint.h>

struct gmi_plan {
	const struct gmi_layout *layout;
	uint32_t chunk_length;
	uint32_t volume; /* next */
	uint64_t chunk;  /* next, within volume */
};

struct gmi_plan_step {
	uint32_t volume;
	uint64_t chunk;  /* first */
	uint64_t count;  /* 1 where something is to be read; the length of the stretch otherwise */
	bool used;       /* whether the used map touches it */
	uint32_t length; /* bytes of the chunk, where used */
};

void gmi_plan_init(struct gmi_plan *plan, const struct gmi_layout *layout, uint32_t chunk_length);

/* The next step; false after the last. */
bool gmi_plan_next(struct gmi_plan *plan, struct gmi_plan_step *step);

#endif
