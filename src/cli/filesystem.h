/* A filesystem inside a GMI file, opened for the time of one call. */
#ifndef GMI_CLI_FILESYSTEM_H
#define GMI_CLI_FILESYSTEM_H

#include "cli/file.h"
#include "storage/ext.h"

/* Opens the filesystem of "VOLUME:PATH" and calls `use` with it and the path. */
GMI_MUST_CHECK int gmi_with_filesystem(const struct gmi_opened_file *opened, const char *argument,
				       int (*use)(struct gmi_ext *ext, const char *path,
						  struct gmi_error *err),
				       struct gmi_error *err);

#endif
