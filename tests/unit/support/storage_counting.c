#include "support/storage_counting.h"

#include "unit.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

static int counted_read(struct gmi_disk *disk, uint64_t offset, void *data, size_t length,
			struct gmi_error *err)
{
	struct storage_counting *counting = (struct storage_counting *)disk;

	atomic_fetch_add(&counting->reads, 1);
	if (offset < counting->bad_to && offset + length > counting->bad_from) {
		errno = EIO;
		return gmi_fail_errno(err, "cannot read at byte %llu",
				      (unsigned long long)counting->bad_from);
	}
	return gmi_disk_read(counting->inner, offset, data, length, err);
}

/* Whether the change may be made. */
static int count_change(struct storage_counting *counting, struct gmi_error *err)
{
	if (counting->on_change)
		counting->on_change(counting->context);
	if (atomic_fetch_add(&counting->changes, 1) >= counting->changes_left) {
		errno = EIO;
		return gmi_fail_errno(err, "cannot write");
	}
	return 0;
}

static int counted_write(struct gmi_disk *disk, uint64_t offset, const void *data, size_t length,
			 struct gmi_error *err)
{
	struct storage_counting *counting = (struct storage_counting *)disk;

	if (count_change(counting, err) < 0)
		return -1;
	return counting->lies ? 0 : gmi_disk_write(counting->inner, offset, data, length, err);
}

static int counted_zero(struct gmi_disk *disk, uint64_t offset, uint64_t length,
			struct gmi_error *err)
{
	struct storage_counting *counting = (struct storage_counting *)disk;

	if (count_change(counting, err) < 0)
		return -1;
	return counting->lies ? 0 : gmi_disk_zero(counting->inner, offset, length, err);
}

/* What is discarded becomes anything: here 0xa5, so that nobody relies on zeros. */
static int counted_discard(struct gmi_disk *disk, uint64_t offset, uint64_t length,
			   struct gmi_error *err)
{
	struct storage_counting *counting = (struct storage_counting *)disk;
	static const uint8_t anything[4096] = { [0 ... 4095] = 0xa5 };

	if (count_change(counting, err) < 0)
		return -1;
	while (length > 0) {
		size_t part = length < sizeof(anything) ? (size_t)length : sizeof(anything);

		if (gmi_disk_write(counting->inner, offset, anything, part, err) < 0)
			return -1;
		offset += part;
		length -= part;
	}
	return 0;
}

static int counted_flush(struct gmi_disk *disk, struct gmi_error *err)
{
	struct storage_counting *counting = (struct storage_counting *)disk;

	atomic_fetch_add(&counting->flushes, 1);
	return gmi_disk_flush(counting->inner, err);
}

static void counted_drop_cache(struct gmi_disk *disk)
{
	gmi_disk_drop_cache(((struct storage_counting *)disk)->inner);
}

static void counted_close(struct gmi_disk *disk)
{
	gmi_disk_close(((struct storage_counting *)disk)->inner);
	free(disk);
}

struct storage_counting *storage_counting_new(struct gmi_disk *inner)
{
	static const struct gmi_disk_ops ops = {
		.read = counted_read,
		.write = counted_write,
		.zero = counted_zero,
		.discard = counted_discard,
		.flush = counted_flush,
		.drop_cache = counted_drop_cache,
		.close = counted_close,
	};
	struct storage_counting *counting = calloc(1, sizeof(*counting));

	assert_non_null(counting);
	counting->disk = *inner;
	counting->disk.ops = &ops;
	counting->inner = inner;
	counting->changes_left = UINT_MAX;
	return counting;
}
