#include "restore/stale.h"

int gmi_stale_used_today(const struct gmi_layout *today, uint32_t disk, struct gmi_extents *used,
			 struct gmi_error *err)
{
	size_t count = 0;

	for (uint32_t i = 0; i < today->count; i++)
		count += today->volumes[i].disk == disk ? today->volumes[i].used.count : 0;
	if (gmi_extents_reserve(used, count, err) < 0)
		return -1;
	for (uint32_t i = 0; i < today->count; i++) {
		const struct gmi_volume *volume = &today->volumes[i];

		if (volume->disk != disk)
			continue;
		for (size_t j = 0; j < volume->used.count; j++) {
			const struct gmi_extent *extent = &volume->used.list[j];

			if (gmi_extents_append(used, volume->offset + extent->offset,
					       extent->length, err) < 0)
				return -1;
		}
	}
	return 0;
}

/* Appends what today uses of [from, to), both disk offsets. */
static int append_part(const struct gmi_extents *today, uint64_t from, uint64_t to,
		       struct gmi_extents *stale, struct gmi_error *err)
{
	size_t cursor = gmi_extents_find(today, from);
	struct gmi_extent part;

	while (gmi_extents_next(today, from, to - from, &cursor, &part)) {
		if (gmi_extents_append(stale, part.offset, part.length, err) < 0)
			return -1;
	}
	return 0;
}

int gmi_stale_find(const struct gmi_extents *today, uint64_t start, uint64_t length,
		   const struct gmi_extents *image, struct gmi_extents *stale,
		   struct gmi_error *err)
{
	uint64_t from = start;

	for (size_t i = 0; i < image->count; i++) {
		const struct gmi_extent *kept = &image->list[i];

		if (append_part(today, from, start + kept->offset, stale, err) < 0)
			return -1;
		from = start + kept->offset + kept->length;
	}
	return append_part(today, from, start + length, stale, err);
}
