/*
 * A folder of the running test program's own, where it makes images with the real mke2fs, mkfs.vfat
 * and friends. It is gone when the program ends. Shell commands run inside of it, so tests name
 * files without a path.
 */
#ifndef GMI_TESTS_STORAGE_SCRATCH_H
#define GMI_TESTS_STORAGE_SCRATCH_H

#include "base/error.h"
#include "storage/disk.h"

#include <stdbool.h>
#include <stdint.h>

/* Fails the test where a call of gmi fails, with the call's own words. */
#define assert_gmi_ok(call, err) \
	do { \
		if ((call) < 0) \
			fail_msg("%s: %s", #call, (err)->message); \
	} while (0)

/* The folder; made at the first call. */
const char *storage_scratch(void);

/* Where a file of the folder lies, whole. One of four buffers in turn. */
const char *storage_path(const char *name);

/* Runs a command line; the test fails unless it succeeds. */
void storage_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Its exit status, for commands that may fail. */
int storage_shell_status(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What it prints; free(). */
char *storage_shell_output(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A sparse file, whatever stood there before. */
void storage_make_file(const char *name, uint64_t length);

/* A file's bytes; free(). */
uint8_t *storage_load(const char *name, size_t *length);
void storage_save(const char *name, const void *data, size_t length);

/* A file of the folder as a disk called "disk"; the test fails if it cannot be opened. */
struct gmi_disk *storage_open(const char *name, bool writable);

#endif
