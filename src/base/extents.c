#include "base/extents.h"

#include "base/checked.h"

#include <assert.h>
#include <stdlib.h>

void gmi_extents_release(struct gmi_extents *extents)
{
	free(extents->list);
	*extents = GMI_EXTENTS_EMPTY;
}

int gmi_extents_reserve(struct gmi_extents *extents, size_t count, struct gmi_error *err)
{
	struct gmi_extent *grown;

	if (count <= extents->capacity)
		return 0;
	grown = count <= SIZE_MAX / sizeof(*grown) ? realloc(extents->list, count * sizeof(*grown))
						   : NULL;
	if (!grown)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for %zu extents", count);
	extents->list = grown;
	extents->capacity = count;
	return 0;
}

void gmi_extents_fit(struct gmi_extents *extents)
{
	struct gmi_extent *fitted;

	if (extents->count == 0 || extents->count == extents->capacity)
		return;
	fitted = realloc(extents->list, extents->count * sizeof(*fitted));
	if (!fitted)
		return; /* what there is will do */
	extents->list = fitted;
	extents->capacity = extents->count;
}

int gmi_extents_append(struct gmi_extents *extents, uint64_t offset, uint64_t length,
		       struct gmi_error *err)
{
	struct gmi_extent *last = extents->count ? &extents->list[extents->count - 1] : NULL;

	if (length == 0)
		return 0;
	if (last) {
		assert(offset >= last->offset + last->length);
		if (offset == last->offset + last->length) {
			last->length += length;
			return 0;
		}
	}
	if (extents->count == extents->capacity &&
	    gmi_extents_reserve(extents, extents->capacity ? extents->capacity * 2 : 16, err) < 0)
		return -1;
	extents->list[extents->count++] = (struct gmi_extent){ offset, length };
	return 0;
}

int gmi_extents_whole(struct gmi_extents *extents, uint64_t length, struct gmi_error *err)
{
	extents->count = 0;
	return gmi_extents_append(extents, 0, length, err);
}

int gmi_extents_join(const struct gmi_extents *a, const struct gmi_extents *b,
		     struct gmi_extents *out, struct gmi_error *err)
{
	size_t i = 0;
	size_t j = 0;

	while (i < a->count || j < b->count) {
		bool take_a =
			j == b->count || (i < a->count && a->list[i].offset < b->list[j].offset);
		const struct gmi_extent *next = take_a ? &a->list[i++] : &b->list[j++];

		if (gmi_extents_append(out, next->offset, next->length, err) < 0)
			return -1;
	}
	return 0;
}

int gmi_extents_without(const struct gmi_extents *from, const struct gmi_extents *what,
			struct gmi_extents *out, struct gmi_error *err)
{
	for (size_t i = 0; i < from->count; i++) {
		uint64_t at = from->list[i].offset;
		uint64_t end = at + from->list[i].length;
		size_t cursor = gmi_extents_find(what, at);
		struct gmi_extent hole;

		while (gmi_extents_next(what, at, end - at, &cursor, &hole)) {
			if (gmi_extents_append(out, at, hole.offset - at, err) < 0)
				return -1;
			at = hole.offset + hole.length;
		}
		if (gmi_extents_append(out, at, end - at, err) < 0)
			return -1;
	}
	return 0;
}

uint64_t gmi_extents_total(const struct gmi_extents *extents)
{
	uint64_t total = 0;

	for (size_t i = 0; i < extents->count; i++)
		total += extents->list[i].length;
	return total;
}

size_t gmi_extents_find(const struct gmi_extents *extents, uint64_t offset)
{
	size_t low = 0;
	size_t high = extents->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct gmi_extent *extent = &extents->list[middle];

		if (extent->offset + extent->length <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool gmi_extents_touch(const struct gmi_extents *extents, uint64_t offset, uint64_t length)
{
	size_t at = gmi_extents_find(extents, offset);

	return length > 0 && at < extents->count && extents->list[at].offset < offset + length;
}

bool gmi_extents_next(const struct gmi_extents *extents, uint64_t offset, uint64_t length,
		      size_t *cursor, struct gmi_extent *part)
{
	const struct gmi_extent *extent;
	uint64_t end = offset + length;
	uint64_t extent_end;

	if (*cursor >= extents->count)
		return false;
	extent = &extents->list[*cursor];
	if (extent->offset >= end)
		return false;
	extent_end = extent->offset + extent->length;
	part->offset = gmi_max_u64(extent->offset, offset);
	part->length = gmi_min_u64(extent_end, end) - part->offset;
	(*cursor)++;
	return true;
}
