/* Superblock: Documentation/filesystems/squashfs.rst and fs/squashfs/squashfs_fs.h of Linux. */
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "storage/usedmaps.h"

#include <stdlib.h>

#define MAGIC 0x73717368u /* "hsqs" */
#define SUPERBLOCK 96
#define PAD 4096 /* mksquashfs fills up to this */
#define PIECE (64u << 10)

static bool is_filled_with(const uint8_t *data, size_t length, uint8_t value)
{
	for (size_t i = 0; i < length; i++) {
		if (data[i] != value)
			return false;
	}
	return true;
}

/*
 * A hash tree or a signature may stand anywhere behind the image, and nothing in the superblock
 * tells. So all of it is looked at: never written flash and cleared blocks are passed over.
 */
static int check_behind(struct gmi_source *source, uint64_t from, struct gmi_error *err)
{
	GMI_AUTO_FREE uint8_t *piece = malloc(PIECE);

	if (!piece)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a squashfs");
	for (uint64_t at = from; at < source->length; at += PIECE) {
		size_t length = (size_t)gmi_min_u64(PIECE, source->length - at);

		if (gmi_source_read(source, at, piece, length, err) < 0)
			return -1;
		if (!gmi_is_zero(piece, length) && !is_filled_with(piece, length, 0xff))
			return gmi_fail(err, GMI_E_DAMAGED, "something follows the squashfs");
	}
	return 0;
}

int gmi_squashfs_used_map(struct gmi_source *source, struct gmi_extents *used,
			  struct gmi_error *err)
{
	uint8_t block[SUPERBLOCK];
	uint64_t length;

	used->count = 0;
	if (source->length < SUPERBLOCK)
		return gmi_fail(err, GMI_E_DAMAGED, "not a squashfs: too short");
	if (gmi_source_read(source, 0, block, SUPERBLOCK, err) < 0)
		return -1;
	length = gmi_get_le64(block + 40); /* bytes_used */
	if (gmi_get_le32(block) != MAGIC || gmi_get_le16(block + 28) != 4 || length < SUPERBLOCK ||
	    length > source->length)
		return gmi_fail(err, GMI_E_DAMAGED, "not a squashfs: impossible superblock");
	length = gmi_min_u64(gmi_div_up_u64(length, PAD) * PAD, source->length);
	if (check_behind(source, length, err) < 0)
		return -1;
	return gmi_extents_append(used, 0, length, err);
}
