#include "storage/rescue.h"

#include "base/checked.h"

#include <string.h>

/* What a page cache, an SD card's block and most filesystems count in. */
#define PIECE_LENGTH 4096u

#define PIECES_UNTIL_PROBING ((8u << 20) / PIECE_LENGTH)
#define PIECES_UNTIL_DEAD ((128u << 20) / PIECE_LENGTH)

struct range {
	struct gmi_rescue *rescue;
	const struct gmi_used_view *view;
	uint64_t offset; /* of data, from the volume's start */
	uint8_t *data;
	size_t length;
	struct gmi_extents *unreadable;
};

/* The beginning of `part` that lies within one aligned piece of the disk. */
static uint64_t piece_of(const struct gmi_used_view *view, const struct gmi_extent *part)
{
	uint64_t piece = gmi_max_u64(PIECE_LENGTH, view->disk->sector_length);
	uint64_t at = view->start + part->offset;

	return gmi_min_u64(part->length, piece - at % piece);
}

static int read_piece(const struct range *range, uint64_t offset, uint64_t length, bool *readable,
		      struct gmi_error *err)
{
	const struct gmi_used_view *view = range->view;
	uint8_t *to = range->data + (offset - range->offset);

	/* The first bad place of the range was tried stubbornly; of a dying disk there are many. */
	*readable =
		gmi_disk_read_once(view->disk, view->start + offset, to, (size_t)length, err) == 0;
	if (*readable) {
		atomic_store(&range->rescue->barren, 0);
		return 0;
	}
	if (!gmi_disk_is_bad_place(err))
		return -1;
	memset(to, 0, (size_t)length);
	return 0;
}

static int read_in_pieces(const struct range *range, struct gmi_error *err)
{
	const struct gmi_extents *used = range->view->used;
	size_t cursor = gmi_extents_find(used, range->offset);
	struct gmi_extent part;
	bool readable;

	memset(range->data, 0, range->length);
	while (gmi_extents_next(used, range->offset, range->length, &cursor, &part)) {
		while (part.length > 0) {
			uint64_t piece = piece_of(range->view, &part);

			if (read_piece(range, part.offset, piece, &readable, err) < 0)
				return -1;
			if (!readable) {
				atomic_fetch_add(&range->rescue->barren, 1);
				if (gmi_extents_append(range->unreadable, part.offset, piece, err) <
				    0)
					return -1;
			}
			part.offset += piece;
			part.length -= piece;
		}
	}
	return 0;
}

/* All of the range without asking the disk. */
static int give_up(const struct range *range, struct gmi_error *err)
{
	const struct gmi_extents *used = range->view->used;
	size_t cursor = gmi_extents_find(used, range->offset);
	struct gmi_extent part;
	uint64_t total = 0;

	memset(range->data, 0, range->length);
	while (gmi_extents_next(used, range->offset, range->length, &cursor, &part)) {
		if (gmi_extents_append(range->unreadable, part.offset, part.length, err) < 0)
			return -1;
		total += part.length;
	}
	/* Once dead it stays so, and the count must not run over. */
	if (!gmi_rescue_gave_up(range->rescue))
		atomic_fetch_add(&range->rescue->barren,
				 (unsigned int)gmi_div_up_u64(total, PIECE_LENGTH));
	return 0;
}

/* Whether the first or the last piece of the range can be read. */
static int probe(const struct range *range, bool *readable, struct gmi_error *err)
{
	const struct gmi_extents *used = range->view->used;
	size_t cursor = gmi_extents_find(used, range->offset);
	struct gmi_extent last = { 0, 0 };
	struct gmi_extent part;
	uint64_t piece;

	*readable = false;
	while (gmi_extents_next(used, range->offset, range->length, &cursor, &part)) {
		if (last.length == 0 &&
		    read_piece(range, part.offset, piece_of(range->view, &part), readable, err) < 0)
			return -1;
		last = part;
	}
	if (*readable || last.length == 0)
		return 0;
	piece = gmi_min_u64(last.length, PIECE_LENGTH);
	return read_piece(range, last.offset + last.length - piece, piece, readable, err);
}

bool gmi_rescue_gave_up(const struct gmi_rescue *rescue)
{
	return atomic_load(&rescue->barren) >= PIECES_UNTIL_DEAD;
}

int gmi_rescue_read(struct gmi_rescue *rescue, const struct gmi_used_view *view, uint64_t offset,
		    void *data, size_t length, struct gmi_extents *unreadable,
		    struct gmi_error *err)
{
	struct range range = { rescue, view, offset, data, length, unreadable };
	bool readable;

	if (gmi_rescue_gave_up(rescue))
		return give_up(&range, err);
	if (atomic_load(&rescue->barren) >= PIECES_UNTIL_PROBING) {
		if (probe(&range, &readable, err) < 0)
			return -1;
		return readable ? read_in_pieces(&range, err) : give_up(&range, err);
	}
	if (gmi_used_read(view, offset, data, length, err) < 0)
		return gmi_disk_is_bad_place(err) ? read_in_pieces(&range, err) : -1;
	if (atomic_load(&rescue->barren) > 0)
		atomic_store(&rescue->barren, 0);
	return 0;
}
