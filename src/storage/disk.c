#include "storage/disk.h"

#include "base/checked.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

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

static int named(const struct gmi_disk *disk, int result, struct gmi_error *err)
{
	return result < 0 ? gmi_error_prefix(err, "disk %s", disk->name) : 0;
}

void gmi_disk_close(struct gmi_disk *disk)
{
	if (disk)
		disk->ops->close(disk);
}

int gmi_disk_read(struct gmi_disk *disk, uint64_t offset, void *data, size_t length,
		  struct gmi_error *err)
{
	if (check(disk, offset, length, err) < 0)
		return -1;
	return named(disk, disk->ops->read(disk, offset, data, length, err), err);
}

int gmi_disk_write(struct gmi_disk *disk, uint64_t offset, const void *data, size_t length,
		   struct gmi_error *err)
{
	assert(disk->writable);
	if (check(disk, offset, length, err) < 0)
		return -1;
	return named(disk, disk->ops->write(disk, offset, data, length, err), err);
}

int gmi_disk_zero(struct gmi_disk *disk, uint64_t offset, uint64_t length, struct gmi_error *err)
{
	assert(disk->writable);
	if (check(disk, offset, length, err) < 0)
		return -1;
	return named(disk, disk->ops->zero(disk, offset, length, err), err);
}

int gmi_disk_discard(struct gmi_disk *disk, uint64_t offset, uint64_t length, struct gmi_error *err)
{
	assert(disk->writable);
	if (check(disk, offset, length, err) < 0)
		return -1;
	return named(disk, disk->ops->discard(disk, offset, length, err), err);
}

int gmi_disk_flush(struct gmi_disk *disk, struct gmi_error *err)
{
	return named(disk, disk->ops->flush(disk, err), err);
}

void gmi_disk_drop_cache(struct gmi_disk *disk)
{
	disk->ops->drop_cache(disk);
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
