/*
 * The ordered parallel pipeline: workers read, hash and compress chunks into a ring of slots, one
 * consumer takes the results in the plan's order. Internal to src/backup.
 *
 * Slot states, each change made under the lock:
 *
 *     FREE --worker deals the next step--> WORKING --done--> READY --take--> TAKEN --give_back-->
 * FREE
 *
 * Steps are numbered as they are dealt; step n lives in slot n % slots, so order needs no queue. A
 * step is dealt only when its slot is FREE: that is the whole back-pressure. Memory is fixed at
 * start.
 */
#ifndef GMI_BACKUP_PIPELINE_H
#define GMI_BACKUP_PIPELINE_H

#include "backup/plan.h"
#include "base/error.h"
#include "base/report.h"
#include "base/sha256.h"
#include "storage/disk.h"
#include "storage/layout.h"

#include <stdbool.h>
#include <stdint.h>

struct gmi_pipeline_config {
	struct gmi_disk *const *disks; /* borrowed, as is layout */
	const struct gmi_layout *layout;
	uint32_t chunk_length;
	int level;
	unsigned int workers;      /* 0: as many as cores and disks keep busy */
	bool keep_going;           /* a place that cannot be read is no failure */
	struct gmi_report *report; /* gets a line as the reading of a volume begins; or NULL */
};

struct gmi_pipeline_result {
	bool end; /* no step is left; the rest is not set */
	struct gmi_plan_step step;
	const void *frame; /* NULL: all zeros; valid until give_back */
	size_t frame_length;
	uint8_t hash[GMI_SHA256_LENGTH];
	uint64_t used_bytes; /* bytes of the step under the used map */
	/* Of which could not be read and are zeros; bytes from the volume's start. Until give_back.
	 */
	const struct gmi_extents *unreadable;
};

struct gmi_pipeline; /* opaque */

GMI_MUST_CHECK int gmi_pipeline_start(struct gmi_pipeline **out,
				      const struct gmi_pipeline_config *config,
				      struct gmi_error *err);

/* Waits for the next result in order. After a result that is not the end, give_back must follow. */
GMI_MUST_CHECK int gmi_pipeline_take(struct gmi_pipeline *pipeline,
				     struct gmi_pipeline_result *result, struct gmi_error *err);
void gmi_pipeline_give_back(struct gmi_pipeline *pipeline);

/* Whether no worker will read from a disk any more. Any thread. */
bool gmi_pipeline_reading_done(struct gmi_pipeline *pipeline);

/* Waits for that. False when the pipeline failed or was stopped before all was read. Any thread. */
bool gmi_pipeline_wait_read(struct gmi_pipeline *pipeline);

/* The workers read nothing more; what they have begun they end. Free is still to be called. */
void gmi_pipeline_stop(struct gmi_pipeline *pipeline);

/* Whether this disk was given up as a whole (storage/rescue.h): its rest was not tried. Any thread.
 */
bool gmi_pipeline_gave_up(const struct gmi_pipeline *pipeline, uint32_t disk);

/* Stops the workers at the next chunk and waits for them. NULL is fine. */
void gmi_pipeline_free(struct gmi_pipeline *pipeline);

#endif
