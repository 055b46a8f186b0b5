/*
 * The backup engine: disks in, the bytes of a GMI file out, pulled by whoever consumes them.
 *
 *   gmi_backup_start   layout and used maps are read, the workers begin
 *   gmi_backup_next    the next piece of the file, until the length is 0; blocks for the workers
 *   gmi_backup_finish  the last piece, without which the file is none: for when all that was read
 *                      has proved to belong together
 *   gmi_backup_free    at any time; stops the workers
 *
 * Workers read, hash and compress chunks in parallel into a fixed pool of slots; `next` hands them
 * out in order. If nobody calls `next`, the workers fill the pool and rest: back-pressure costs
 * nothing. One consumer thread; another one may wait for the end of reading. The device's disks are
 * borrowed and must stand still until gmi_backup_wait_read() has returned, or free.
 */
#ifndef GMI_BACKUP_BACKUP_H
#define GMI_BACKUP_BACKUP_H

#include "base/error.h"
#include "base/report.h"
#include "base/sha256.h"
#include "device/device.h"

struct gmi_backup_options {
	int level;             /* zstd, 1 to 19; 0: the default, 1 */
	unsigned int workers;  /* 0: as many as cores and disks keep busy */
	uint32_t chunk_length; /* bytes; 0: the format's default */
	bool all_blocks;       /* a forensic copy */
	bool keep_going;       /* a place that cannot be read is recorded, and no failure */
	int64_t created;       /* Unix time that the manifest names */
	const int *outside;    /* session: descriptors that must not lie on the disks */
	uint32_t outside_count;
};

struct gmi_backup_summary {
	uint64_t used_bytes;                  /* read and stored */
	uint64_t total_bytes;                 /* of all disks */
	uint64_t file_bytes;                  /* given out so far */
	uint64_t unreadable_bytes;            /* of used_bytes, so far: with keep_going */
	uint64_t unreadable_places;           /* stretches of them */
	uint8_t root_hash[GMI_SHA256_LENGTH]; /* valid after the end */
};

struct gmi_backup; /* opaque */

/* Borrows device and report until free. */
GMI_MUST_CHECK int gmi_backup_start(struct gmi_backup **out, struct gmi_device *device,
				    const struct gmi_backup_options *options,
				    struct gmi_report *report, struct gmi_error *err);

/* *data stays valid until the next call. *length 0: all but the last piece. */
GMI_MUST_CHECK int gmi_backup_next(struct gmi_backup *backup, const void **data, size_t *length,
				   struct gmi_error *err);

/* Index and directory: the file is complete. */
GMI_MUST_CHECK int gmi_backup_finish(struct gmi_backup *backup, const void **data, size_t *length,
				     struct gmi_error *err);

/*
 * Waits until the last byte has been read from the disks, or nothing more will be: the device may
 * be released. False: not all was read. Any thread.
 */
bool gmi_backup_wait_read(struct gmi_backup *backup);

/* Nothing more is read; whoever waits for that is woken. */
void gmi_backup_stop(struct gmi_backup *backup);

struct gmi_backup_summary gmi_backup_summary(const struct gmi_backup *backup);
void gmi_backup_free(struct gmi_backup *backup);

/* backup-of-<id>-<YYYY-MM-DD>.gmi, the date in local time. */
void gmi_backup_file_name(char name[128], const char *device_id, int64_t created);

#endif
