/*
 * A file that a command writes: under a temporary name beside its own until it is complete and on
 * the disk, so that no half file ever bears the final name.
 *
 *   gmi_output_open -> write to sink -> gmi_output_commit
 *
 * gmi_output_abandon() on every other path; after a commit it does nothing.
 */
#ifndef GMI_CLI_OUTPUT_H
#define GMI_CLI_OUTPUT_H

#include "base/error.h"
#include "base/source.h"

#include <stdbool.h>
#include <stdint.h>

struct gmi_output {
	struct gmi_sink sink;
	char path[1024];      /* final; "standard output" where it is that */
	char temporary[1032]; /* empty for standard output */
	int fd;               /* -1 when done */
	uint64_t length;      /* bytes given so far, holes included */
	uint64_t handed;      /* of which the kernel was told to bring to the disk */
};

/* "-" is standard output, refused if that is a terminal. An existing file is refused without
 * `force`. */
GMI_MUST_CHECK int gmi_output_open(struct gmi_output *output, const char *path, bool force,
				   struct gmi_error *err);
/* Goes on by that many zeros: a hole in a file. */
GMI_MUST_CHECK int gmi_output_zeros(struct gmi_output *output, uint64_t length,
				    struct gmi_error *err);
GMI_MUST_CHECK int gmi_output_commit(struct gmi_output *output, struct gmi_error *err);
void gmi_output_abandon(struct gmi_output *output);

#endif
