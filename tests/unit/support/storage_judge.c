#include "support/storage_judge.h"

#include "support/storage_scratch.h"
#include "unit.h"

void storage_assert_sound(const struct gmi_extents *used, uint64_t length)
{
	uint64_t from = 0;

	for (size_t i = 0; i < used->count; i++) {
		const struct gmi_extent *extent = &used->list[i];

		assert_true(extent->length > 0);
		assert_true(extent->offset >= from + (i > 0));
		assert_true(extent->offset <= length && extent->length <= length - extent->offset);
		from = extent->offset + extent->length;
	}
}

bool storage_is_whole(const struct gmi_extents *used, uint64_t length)
{
	return used->count == 1 && used->list[0].offset == 0 && used->list[0].length == length;
}

void storage_keep_only(const char *from, const char *to, const struct gmi_extents *used)
{
	struct gmi_error err;
	struct gmi_disk *disk;
	uint64_t clean_to = 0;

	storage_shell("cp --sparse=always %s %s", from, to);
	disk = storage_open(to, true);
	for (size_t i = 0; i < used->count; i++) {
		const struct gmi_extent *extent = &used->list[i];

		assert_gmi_ok(gmi_disk_zero(disk, clean_to, extent->offset - clean_to, &err), &err);
		clean_to = extent->offset + extent->length;
	}
	assert_gmi_ok(gmi_disk_zero(disk, clean_to, disk->length - clean_to, &err), &err);
	gmi_disk_close(disk);
}
