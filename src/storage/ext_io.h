/*
 * A gmi_source as libext2fs sees it: an I/O manager that only reads. Internal to src/storage, where
 * only ext*.c know libext2fs.
 */
#ifndef GMI_STORAGE_EXT_IO_H
#define GMI_STORAGE_EXT_IO_H

#include "base/error.h"
#include "base/source.h"

#include <ext2fs/ext2fs.h>

/* Opens the filesystem in the source, for reading. Close with ext2fs_close_free(). */
GMI_MUST_CHECK int gmi_ext_io_open(struct gmi_source *source, ext2_filsys *fs,
				   struct gmi_error *err);

/* Fills *err with libext2fs' words for its code; returns -1. */
int gmi_ext_io_fail(struct gmi_error *err, errcode_t code, const char *what);

#endif
