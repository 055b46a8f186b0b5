/* Superblock: Documentation/filesystems/squashfs.rst and fs/squashfs/squashfs_fs.h of Linux. */
#include "base/checked.h"
#include "base/io.h"
#include "storage/usedmaps.h"

#include <string.h>

#define MAGIC 0x73717368u /* "hsqs" */
#define SUPERBLOCK 96
#define PAD 4096 /* mksquashfs fills up to this */

static bool is_filled_with(const uint8_t *data, size_t length, uint8_t value)
{
	for (size_t i = 0; i < length; i++) {
		if (data[i] != value)
			return false;
	}
	return true;
}

int gmi_squashfs_used_map(struct gmi_source *source, struct gmi_extents *used,
			  struct gmi_error *err)
{
	uint8_t block[PAD];
	uint64_t length;
	size_t behind;

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

	/* A dm-verity tree or a signature stands right behind the image or at the volume's end. */
	behind = (size_t)gmi_min_u64(PAD, source->length - length);
	if (gmi_source_read(source, length, block, behind, err) < 0)
		return -1;
	if (!gmi_is_zero(block, behind) && !is_filled_with(block, behind, 0xff))
		return gmi_fail(err, GMI_E_DAMAGED, "something follows the squashfs");
	if (gmi_source_read(source, source->length - behind, block, behind, err) < 0)
		return -1;
	if (!gmi_is_zero(block, behind) && !is_filled_with(block, behind, 0xff))
		return gmi_fail(err, GMI_E_DAMAGED, "something follows the squashfs");
	return gmi_extents_append(used, 0, length, err);
}
