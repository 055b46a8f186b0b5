#include "storage/used_io.h"

#include "base/checked.h"

#include <string.h>

/* Gaps shorter than this are cheaper to move than to skip: an eMMC reads 32 KiB in about a
 * millisecond, which is what a second command costs. */
#define GAP_WORTH_SKIPPING (32u << 10)

/* A range of a volume that is to be read or written, and in which units of its disk. */
struct range {
	const struct gmi_used_view *view;
	uint64_t offset;
	uint64_t length;
	uint32_t unit; /* a power of two; 1: any */
};

/* Whether [from, to), which nobody uses, may be moved along. */
static bool is_free(const struct gmi_used_view *view, uint64_t from, uint64_t to)
{
	return !(view->spared && to > from && gmi_extents_touch(view->spared, from, to - from));
}

/*
 * Moves the ends of a part outward to whole units of the disk. An end that would leave the range
 * stays where it is: half of the way gains nothing.
 */
static struct gmi_extent widen(const struct range *range, struct gmi_extent part)
{
	uint64_t end = part.offset + part.length;
	uint64_t before = (range->view->start + part.offset) & (range->unit - 1);
	uint64_t behind = (0 - (range->view->start + end)) & (range->unit - 1);

	if (before <= part.offset - range->offset &&
	    is_free(range->view, part.offset - before, part.offset))
		part.offset -= before;
	if (behind <= range->offset + range->length - end &&
	    is_free(range->view, end, end + behind))
		end += behind;
	part.length = end - part.offset;
	return part;
}

/* The next stretch of used bytes, small gaps included. *cursor as for gmi_extents_next(). */
static bool next_span(const struct range *range, size_t *cursor, struct gmi_extent *span)
{
	const struct gmi_extents *used = range->view->used;
	struct gmi_extent part;

	if (!gmi_extents_next(used, range->offset, range->length, cursor, &part))
		return false;
	*span = widen(range, part);
	for (size_t ahead = *cursor;
	     gmi_extents_next(used, range->offset, range->length, &ahead, &part);) {
		part = widen(range, part);
		/* Widened, the two may overlap. */
		if (part.offset >= span->offset + span->length + GAP_WORTH_SKIPPING ||
		    !is_free(range->view, span->offset + span->length, part.offset))
			break;
		span->length = gmi_max_u64(span->length, part.offset + part.length - span->offset);
		*cursor = ahead;
	}
	return true;
}

/* Zeros those bytes of `data` (which stands for [offset, offset + length)) that are not used. */
static void clear_unused(const struct gmi_extents *used, uint64_t offset, uint8_t *data,
			 uint64_t length)
{
	size_t cursor = gmi_extents_find(used, offset);
	struct gmi_extent part;
	uint64_t clean_to = offset;

	while (gmi_extents_next(used, offset, length, &cursor, &part)) {
		memset(data + (clean_to - offset), 0, (size_t)(part.offset - clean_to));
		clean_to = part.offset + part.length;
	}
	memset(data + (clean_to - offset), 0, (size_t)(offset + length - clean_to));
}

/* The used bytes of a span that could not be read whole: perhaps only a gap in it is bad. */
static int read_without_gaps(const struct gmi_used_view *view, const struct gmi_extent *span,
			     uint8_t *data, struct gmi_error *err)
{
	size_t cursor = gmi_extents_find(view->used, span->offset);
	struct gmi_extent part;

	while (gmi_extents_next(view->used, span->offset, span->length, &cursor, &part)) {
		if (part.length == span->length)
			return -1; /* there is no gap: the error stands */
		if (gmi_disk_read(view->disk, view->start + part.offset,
				  data + (part.offset - span->offset), (size_t)part.length,
				  err) < 0)
			return -1;
	}
	return 0;
}

int gmi_used_read(const struct gmi_used_view *view, uint64_t offset, void *data, size_t length,
		  struct gmi_error *err)
{
	/* Whole sectors are read without a copy. */
	const struct range range = { view, offset, length,
				     view->disk->direct ? view->disk->sector_length : 1 };
	size_t cursor = gmi_extents_find(view->used, offset);
	struct gmi_extent span;
	uint8_t *bytes = data;

	while (next_span(&range, &cursor, &span)) {
		if (gmi_disk_read(view->disk, view->start + span.offset,
				  bytes + (span.offset - offset), (size_t)span.length, err) < 0 &&
		    read_without_gaps(view, &span, bytes + (span.offset - offset), err) < 0)
			return -1;
	}
	clear_unused(view->used, offset, bytes, length);
	return 0;
}

int gmi_used_write(const struct gmi_used_view *view, uint64_t offset, const void *data,
		   size_t length, uint64_t *written, struct gmi_error *err)
{
	const struct range range = { view, offset, length, view->disk->write_unit };
	size_t cursor = gmi_extents_find(view->used, offset);
	struct gmi_extent span;
	const uint8_t *bytes = data;

	*written = 0;
	while (next_span(&range, &cursor, &span)) {
		if (gmi_disk_write(view->disk, view->start + span.offset,
				   bytes + (span.offset - offset), (size_t)span.length, err) < 0)
			return -1;
		*written += span.length;
	}
	return 0;
}

int gmi_used_zero(const struct gmi_used_view *view, uint64_t offset, uint64_t length,
		  uint64_t *zeroed, struct gmi_error *err)
{
	const struct range range = { view, offset, length, view->disk->write_unit };
	size_t cursor = gmi_extents_find(view->used, offset);
	struct gmi_extent span;

	*zeroed = 0;
	while (next_span(&range, &cursor, &span)) {
		if (gmi_disk_zero(view->disk, view->start + span.offset, span.length, err) < 0)
			return -1;
		*zeroed += span.length;
	}
	return 0;
}
