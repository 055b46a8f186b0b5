/*
 * A disk, whole: a block device, an image file, raw flash, or memory. Everything that reads or
 * writes a device goes through this seam, so that a disk that loses power can stand in for a real
 * one.
 *
 * Offsets and lengths are bytes; any alignment is allowed (an implementation that needs more does
 * the read-modify-write itself). Reads may run in several threads at once, writes to distinct
 * ranges too, down to the byte. A write is durable only after gmi_disk_flush(). Every failure names
 * the disk and the offset.
 *
 * A block device is read and written past the page cache. Beneath a mounted filesystem the cache of
 * the whole device is stale: the filesystem writes through its partition, and nobody tells the
 * whole. What is transferred fastest: buffers from gmi_disk_buffer(), offsets and lengths of whole
 * sectors.
 *
 * What a failing medium refuses to read is tried again, in ever smaller pieces, before
 * gmi_disk_read() gives up; the message names the smallest piece that cannot be read, and err->sys
 * is set. What it refuses to write is told at once: writing again could hide that it is failing.
 */
#ifndef GMI_STORAGE_DISK_H
#define GMI_STORAGE_DISK_H

#include "base/error.h"
#include "base/source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define GMI_DISK_BUFFER_ALIGNMENT 4096
#define GMI_DISK_NAME_LENGTH 33 /* so that a volume name made from it fits */

struct gmi_disk;

struct gmi_disk_ops {
	int (*read)(struct gmi_disk *disk, uint64_t offset, void *data, size_t length,
		    struct gmi_error *err);
	int (*write)(struct gmi_disk *disk, uint64_t offset, const void *data, size_t length,
		     struct gmi_error *err);
	/* Afterwards the range reads as zeros; by hole or discard where the disk can. */
	int (*zero)(struct gmi_disk *disk, uint64_t offset, uint64_t length, struct gmi_error *err);
	/* The range's content is of no more use; best effort, content afterwards is anything. */
	int (*discard)(struct gmi_disk *disk, uint64_t offset, uint64_t length,
		       struct gmi_error *err);
	int (*flush)(struct gmi_disk *disk, struct gmi_error *err);
	/* What is read from now on comes from the medium, not from a cache. Best effort. */
	void (*drop_cache)(struct gmi_disk *disk);
	/* Nobody else can mount or open it exclusively from now on. NULL: nobody could. */
	int (*claim)(struct gmi_disk *disk, struct gmi_error *err);
	void (*close)(struct gmi_disk *disk);
};

/* Implementations embed this as their first member. */
struct gmi_disk {
	const struct gmi_disk_ops *ops;
	char name[GMI_DISK_NAME_LENGTH]; /* as in the profile */
	char path[256];                  /* for messages */
	uint64_t length;
	uint32_t sector_length; /* logical; 1 for raw flash */
	uint32_t
		write_unit; /* bytes that the medium writes at once, a power of two; 1: not known */
	int fd;             /* for libraries that take nothing else (blkid); -1: there is none */
	bool flash;
	bool writable;
	bool device; /* a real device, not an image of one */
	bool direct; /* read and written past the page cache */
	dev_t rdev;  /* of a block device, else 0 */
};

struct gmi_disk_config {
	const char *name;
	const char *path;
	bool flash;
	bool writable;
	bool alone; /* locked against others even for reading */
};

/*
 * An image file (of a disk, or of raw flash) or a block device. GMI_E_LAYOUT if it is not there. A
 * disk that is open alone or for writing is locked against every other gmi (flock), another one
 * against these.
 */
GMI_MUST_CHECK int gmi_disk_open(struct gmi_disk **out, const struct gmi_disk_config *config,
				 struct gmi_error *err);

/* A disk in memory, all zeros; `bytes`, if not NULL, is where its content lies (borrowed). */
GMI_MUST_CHECK int gmi_memory_disk_new(struct gmi_disk **out, const char *name, uint64_t length,
				       uint8_t **bytes, struct gmi_error *err);

void gmi_disk_close(struct gmi_disk *disk); /* NULL is fine */

GMI_MUST_CHECK int gmi_disk_read(struct gmi_disk *disk, uint64_t offset, void *data, size_t length,
				 struct gmi_error *err);
/* The same, tried a single time, for whoever has many bad places to look at. */
GMI_MUST_CHECK int gmi_disk_read_once(struct gmi_disk *disk, uint64_t offset, void *data,
				      size_t length, struct gmi_error *err);

/* Whether a failure says that its place is bad; another place of the disk may be readable. */
bool gmi_disk_is_bad_place(const struct gmi_error *err);

GMI_MUST_CHECK int gmi_disk_write(struct gmi_disk *disk, uint64_t offset, const void *data,
				  size_t length, struct gmi_error *err);
GMI_MUST_CHECK int gmi_disk_zero(struct gmi_disk *disk, uint64_t offset, uint64_t length,
				 struct gmi_error *err);
GMI_MUST_CHECK int gmi_disk_discard(struct gmi_disk *disk, uint64_t offset, uint64_t length,
				    struct gmi_error *err);
GMI_MUST_CHECK int gmi_disk_flush(struct gmi_disk *disk, struct gmi_error *err);
void gmi_disk_drop_cache(struct gmi_disk *disk);

/* Memory that disks read into and write from without a copy; free(). NULL if there is none. */
void *gmi_disk_buffer(size_t length);

/*
 * Takes a device for gmi alone until it is closed: what lies on it cannot be mounted any more.
 * err->sys is EBUSY if it is mounted or otherwise held. Succeeds for an image file.
 */
GMI_MUST_CHECK int gmi_disk_claim(struct gmi_disk *disk, struct gmi_error *err);

/*
 * Tells the kernel the partitions that are on the disk now, after its table was written. Those that
 * are as they were stay untouched, mounted or not. Fails if one that changed is in use: then only a
 * restart helps. Succeeds for an image file.
 */
GMI_MUST_CHECK int gmi_disk_reread_table(struct gmi_disk *disk, struct gmi_error *err);

/* A region of a disk as a source. Embed it; borrows the disk. */
struct gmi_region_source {
	struct gmi_source source;
	struct gmi_disk *disk;
	uint64_t offset;
};

void gmi_region_source_init(struct gmi_region_source *region, struct gmi_disk *disk,
			    uint64_t offset, uint64_t length);

#endif
