#include "storage/disk.h"

#include "base/checked.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A read that fails is narrowed down to this; the unit in which most media fail. */
#define READ_UNIT 4096u
#define READ_RETRIES 3

static int check(const struct gmi_disk *disk, uint64_t offset, uint64_t length,
		 struct gmi_error *err)
{
	if (gmi_range_within(offset, length, disk->length))
		return 0;
	return gmi_fail(err, GMI_E_LAYOUT,
			"disk %s (%s): bytes %" PRIu64 " to %" PRIu64
			" lie beyond its end at %" PRIu64,
			disk->name, disk->path, offset, offset + length, disk->length);
}

/* How a medium says that it fails; anything else is somebody's mistake, or the device is gone. */
bool gmi_disk_is_bad_place(const struct gmi_error *err)
{
	if (err->code != GMI_E_SYSTEM)
		return false;
	switch (err->sys) {
	case EIO:
	case EILSEQ:  /* the bus garbles, or a protected sector does not fit its checksum */
	case ENODATA: /* a sector that the medium has given up */
	case ETIMEDOUT:
	case EREMOTEIO:
	case EBADMSG: /* raw flash: more wrong bits than its code corrects */
		return true;
	default:
		return false;
	}
}

static int say_failing(const struct gmi_disk *disk, const char *what, struct gmi_error *err)
{
	int sys = err->sys;

	gmi_fail(err, GMI_E_SYSTEM, "disk %s (%s): cannot %s: %s; the storage is failing",
		 disk->name, disk->path, what, strerror(sys));
	err->sys = sys;
	return -1;
}

/* Puts the disk into the message of what its implementation could not do. */
static int refused(const struct gmi_disk *disk, const char *verb, uint64_t offset, uint64_t length,
		   struct gmi_error *err)
{
	char what[80];

	if (!gmi_disk_is_bad_place(err))
		return gmi_error_prefix(err, "disk %s", disk->name);
	snprintf(what, sizeof(what), "%s %" PRIu64 " bytes at byte %" PRIu64, verb, length, offset);
	return say_failing(disk, what, err);
}

void gmi_disk_close(struct gmi_disk *disk)
{
	if (disk)
		disk->ops->close(disk);
}

/* Where a range is cut into two that are worth trying alone; its end if it is not. */
static uint64_t middle_of(uint64_t offset, uint64_t length)
{
	uint64_t middle = offset + length / 2;

	middle -= middle % READ_UNIT;
	if (middle <= offset)
		middle += READ_UNIT;
	return gmi_min_u64(middle, offset + length);
}

/*
 * Halves what cannot be read, down to the unit, and tries that some more times: what fails now and
 * then is read after all, and what does not is found. A unit that fails for good has been asked for
 * about ten times.
 */
static int read_stubbornly(struct gmi_disk *disk, uint64_t offset, uint8_t *data, size_t length,
			   struct gmi_error *err)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	uint64_t middle = middle_of(offset, length);
	size_t first = (size_t)(middle - offset);
	int result = disk->ops->read(disk, offset, data, length, err);

	if (result < 0 && gmi_disk_is_bad_place(err) && first < length) {
		nanosleep(&pause, NULL);
		if (read_stubbornly(disk, offset, data, first, err) < 0)
			return -1;
		return read_stubbornly(disk, middle, data + first, length - first, err);
	}
	for (int i = 0; result < 0 && gmi_disk_is_bad_place(err) && i < READ_RETRIES; i++) {
		nanosleep(&pause, NULL);
		result = disk->ops->read(disk, offset, data, length, err);
	}
	return result < 0 ? refused(disk, "read", offset, length, err) : 0;
}

int gmi_disk_read_once(struct gmi_disk *disk, uint64_t offset, void *data, size_t length,
		       struct gmi_error *err)
{
	if (check(disk, offset, length, err) < 0)
		return -1;
	if (disk->ops->read(disk, offset, data, length, err) < 0)
		return refused(disk, "read", offset, length, err);
	return 0;
}

int gmi_disk_read(struct gmi_disk *disk, uint64_t offset, void *data, size_t length,
		  struct gmi_error *err)
{
	if (check(disk, offset, length, err) < 0)
		return -1;
	return read_stubbornly(disk, offset, data, length, err);
}

int gmi_disk_write(struct gmi_disk *disk, uint64_t offset, const void *data, size_t length,
		   struct gmi_error *err)
{
	assert(disk->writable);
	if (check(disk, offset, length, err) < 0)
		return -1;
	if (disk->ops->write(disk, offset, data, length, err) < 0)
		return refused(disk, "write", offset, length, err);
	return 0;
}

int gmi_disk_zero(struct gmi_disk *disk, uint64_t offset, uint64_t length, struct gmi_error *err)
{
	assert(disk->writable);
	if (check(disk, offset, length, err) < 0)
		return -1;
	if (disk->ops->zero(disk, offset, length, err) < 0)
		return refused(disk, "zero", offset, length, err);
	return 0;
}

int gmi_disk_discard(struct gmi_disk *disk, uint64_t offset, uint64_t length, struct gmi_error *err)
{
	assert(disk->writable);
	if (check(disk, offset, length, err) < 0)
		return -1;
	if (disk->ops->discard(disk, offset, length, err) < 0)
		return refused(disk, "discard", offset, length, err);
	return 0;
}

int gmi_disk_flush(struct gmi_disk *disk, struct gmi_error *err)
{
	if (disk->ops->flush(disk, err) == 0)
		return 0;
	if (gmi_disk_is_bad_place(err))
		return say_failing(disk, "bring what was written to the medium", err);
	return gmi_error_prefix(err, "disk %s", disk->name);
}

void gmi_disk_drop_cache(struct gmi_disk *disk)
{
	disk->ops->drop_cache(disk);
}

int gmi_disk_claim(struct gmi_disk *disk, struct gmi_error *err)
{
	if (disk->ops->claim && disk->ops->claim(disk, err) < 0)
		return gmi_error_prefix(err, "disk %s", disk->name);
	return 0;
}

void *gmi_disk_buffer(size_t length)
{
	void *buffer;

	return posix_memalign(&buffer, GMI_DISK_BUFFER_ALIGNMENT, length) == 0 ? buffer : NULL;
}

static int region_read_at(struct gmi_source *self, uint64_t offset, void *data, size_t length,
			  struct gmi_error *err)
{
	struct gmi_region_source *region = (struct gmi_region_source *)self;

	return gmi_disk_read(region->disk, region->offset + offset, data, length, err);
}

void gmi_region_source_init(struct gmi_region_source *region, struct gmi_disk *disk,
			    uint64_t offset, uint64_t length)
{
	region->source.read_at = region_read_at;
	region->source.length = length;
	region->disk = disk;
	region->offset = offset;
}
