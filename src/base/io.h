/*
 * Whole reads and writes on descriptors. EINTR and short counts are handled here and nowhere else.
 *
 * `name` is what the message calls the descriptor (a path, "standard output"). Thread-safe.
 */
#ifndef GMI_BASE_IO_H
#define GMI_BASE_IO_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* Reads exactly length bytes at offset; the end of the file before that is an error. */
GMI_MUST_CHECK int gmi_pread_full(int fd, const char *name, uint64_t offset, void *data,
				  size_t length, struct gmi_error *err);

GMI_MUST_CHECK int gmi_pwrite_full(int fd, const char *name, uint64_t offset, const void *data,
				   size_t length, struct gmi_error *err);

/* For pipes, sockets and files written forward. */
GMI_MUST_CHECK int gmi_write_full(int fd, const char *name, const void *data, size_t length,
				  struct gmi_error *err);

/* Reads up to length bytes, fewer only at the end. The count goes to *got. */
GMI_MUST_CHECK int gmi_read_some(int fd, const char *name, void *data, size_t length, size_t *got,
				 struct gmi_error *err);

/* Reads a small text file whole, at most `size - 1` bytes, and terminates it. More is an error. */
GMI_MUST_CHECK int gmi_read_text_file(const char *path, char *text, size_t size,
				      struct gmi_error *err);

/* Syncs and closes what was written, on the way to success. *fd becomes -1 whatever happens. */
GMI_MUST_CHECK int gmi_close_written(int *fd, const char *name, struct gmi_error *err);

/*
 * Takes a flock(2) (LOCK_EX or LOCK_SH), waiting three seconds at most: whoever only looks is gone
 * in a moment. False: somebody else keeps it.
 */
_Bool gmi_lock_soon(int fd, int operation);

/*
 * Puts /dev/null where standard input, output or error is closed. First of all in main: else a disk
 * that is opened later gets that number, and what is meant for people is written onto it.
 */
GMI_MUST_CHECK int gmi_hold_standard_descriptors(void);

/* Whether all bytes are zero. Fast: this runs over everything that is backed up. */
_Bool gmi_is_zero(const void *data, size_t length);

#endif
