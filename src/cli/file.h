/* A GMI file opened by a command: the file and its reader, closed together. */
#ifndef GMI_CLI_FILE_H
#define GMI_CLI_FILE_H

#include "format/reader.h"

struct gmi_opened_file {
	struct gmi_file_source file;
	struct gmi_reader *reader;
};

/* The path goes in front of the message. On failure nothing is held. */
GMI_MUST_CHECK int gmi_opened_file_open(struct gmi_opened_file *opened, const char *path,
					struct gmi_error *err);
void gmi_opened_file_close(struct gmi_opened_file *opened);

/* Splits "VOLUME:PATH" in place; the path is "/" where none is given. Finds the volume. */
GMI_MUST_CHECK int gmi_opened_file_find(const struct gmi_opened_file *opened, const char *argument,
					uint32_t *volume, const char **path, struct gmi_error *err);

/* A sentence on standard error if parts of the volume could not be read when the backup was made.
 */
void gmi_warn_of_unreadable(const struct gmi_opened_file *opened, uint32_t volume);

#endif
