/*
 * What is at rest, noted in the profile's runtime folder before it is done, so that a later gmi can
 * undo what a killed one left.
 *
 *   gmi_record_open    takes the record, for this process and those that it forks alone
 *   gmi_record_read    what an earlier process left, line by line
 *   gmi_record_note    one line more, before the deed
 *   gmi_record_clear   nothing is at rest any more
 *   gmi_record_close
 *
 * The folder lies in memory (tmpfs) and is gone when the system restarts, as is what it tells; a
 * record of an earlier run of the system counts for nothing. One file for each profile.
 */
#ifndef GMI_DEVICE_RECORD_H
#define GMI_DEVICE_RECORD_H

#include "base/error.h"
#include "device/profile.h"

#include <stdbool.h>
#include <stdio.h>

struct gmi_record {
	FILE *file; /* NULL: the folder cannot be had, nothing is noted */
	char path[512];
};

/*
 * GMI_E_JOB_RUNS if another process has it. A folder that cannot be made or written to is no
 * failure here: *why then says what is the matter, else it is empty.
 */
GMI_MUST_CHECK int gmi_record_open(struct gmi_record *record, const struct gmi_profile *profile,
				   char why[256], struct gmi_error *err);

/* The next line, without its end, of what an earlier process left; false after the last one. */
bool gmi_record_read(struct gmi_record *record, char *line, size_t size);

/* Fails if the folder cannot be had: what cannot be noted must not be done. */
GMI_MUST_CHECK int gmi_record_note(struct gmi_record *record, const char *word, const char *what,
				   struct gmi_error *err);
void gmi_record_clear(struct gmi_record *record);
void gmi_record_close(struct gmi_record *record);

#endif
