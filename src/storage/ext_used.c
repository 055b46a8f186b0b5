/* Used maps of ext2/3/4. Facts: Documentation/filesystems/ext4 of Linux; bitmaps are read by
 * libext2fs. */
#include "base/checked.h"
#include "base/cleanup.h"
#include "storage/ext.h"
#include "storage/ext_io.h"

static void fs_clear(ext2_filsys *fs)
{
	if (*fs)
		ext2fs_close_free(fs);
}

/* Why the bitmaps of this filesystem are not to be believed, or NULL. */
static const char *distrust(ext2_filsys fs)
{
	if (ext2fs_has_feature_journal_needs_recovery(fs->super))
		return "its journal needs recovery";
	if (fs->super->s_state & EXT2_ERROR_FS)
		return "the filesystem has errors";
	if (!(fs->super->s_state & EXT2_VALID_FS))
		return "the filesystem was not unmounted cleanly";
	if (ext2fs_has_feature_journal_dev(fs->super))
		return "it is the journal of another filesystem";
	return NULL;
}

/* Runs of set bits, which libext2fs finds a word at a time. With bigalloc a bit is a cluster. */
static int append_used_blocks(ext2_filsys fs, struct gmi_extents *used, struct gmi_error *err)
{
	blk64_t last = ext2fs_blocks_count(fs->super) - 1;
	blk64_t block = fs->super->s_first_data_block;

	while (block <= last) {
		blk64_t begin;
		blk64_t end;

		if (ext2fs_find_first_set_block_bitmap2(fs->block_map, block, last, &begin))
			return 0;
		if (ext2fs_find_first_zero_block_bitmap2(fs->block_map, begin, last, &end))
			end = last + 1;
		if (gmi_extents_append(used, begin * fs->blocksize, (end - begin) * fs->blocksize,
				       err) < 0)
			return -1;
		block = end;
	}
	return 0;
}

static int read_map(struct gmi_source *source, ext2_filsys fs, struct gmi_extents *used,
		    struct gmi_error *err)
{
	uint64_t first = (uint64_t)fs->super->s_first_data_block * fs->blocksize;
	uint64_t length;
	errcode_t code;

	if (!gmi_mul_u64(ext2fs_blocks_count(fs->super), fs->blocksize, &length) ||
	    length > source->length)
		return gmi_fail(err, GMI_E_DAMAGED, "ext filesystem is larger than its volume");
	code = ext2fs_read_block_bitmap(fs);
	if (code)
		return gmi_ext_io_fail(err, code, "ext block bitmaps cannot be read");
	/* With 1 KiB blocks the first one, a boot sector, is in no bitmap. */
	if (gmi_extents_append(used, 0, first, err) < 0 || append_used_blocks(fs, used, err) < 0)
		return -1;
	/* What follows the filesystem belongs to nobody that we know. */
	return gmi_extents_append(used, length, source->length - length, err);
}

int gmi_ext_used_map(struct gmi_source *source, struct gmi_extents *used, const char **why_whole,
		     struct gmi_error *err)
{
	GMI_CLEANUP(fs_clear) ext2_filsys fs = NULL;

	used->count = 0;
	*why_whole = NULL;
	if (gmi_ext_io_open(source, &fs, err) < 0)
		return -1;
	*why_whole = distrust(fs);
	if (*why_whole)
		return gmi_extents_whole(used, source->length, err);
	return read_map(source, fs, used, err);
}
