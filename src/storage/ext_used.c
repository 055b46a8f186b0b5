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

/* Clear bits of [first, last]. With bigalloc they stand for clusters, as do the descriptors'
 * counts. */
static uint64_t count_free(ext2_filsys fs, blk64_t first, blk64_t last)
{
	uint64_t cluster = (uint64_t)EXT2FS_CLUSTER_RATIO(fs);
	uint64_t count = 0;
	blk64_t begin;
	blk64_t end;

	while (first <= last &&
	       ext2fs_find_first_zero_block_bitmap2(fs->block_map, first, last, &begin) == 0) {
		if (ext2fs_find_first_set_block_bitmap2(fs->block_map, begin, last, &end))
			end = last + 1;
		count += gmi_div_up_u64(end - begin, cluster);
		first = end;
	}
	return count;
}

/*
 * Without metadata_csum a damaged bitmap looks like any other one. Its group's descriptor counts
 * the free blocks too, and a filesystem that was unmounted has both in step.
 */
static bool counts_agree(ext2_filsys fs)
{
	for (dgrp_t group = 0; group < fs->group_desc_count; group++) {
		if (count_free(fs, ext2fs_group_first_block2(fs, group),
			       ext2fs_group_last_block2(fs, group)) !=
		    ext2fs_bg_free_blocks_count(fs, group))
			return false;
	}
	return true;
}

/*
 * What libext2fs (1.47.0) takes on trust when it copies a group's bitmap into its own, and would
 * write past the end for: that blocks and clusters of a group fit each other, a bitmap of one
 * block, and the whole, and that counting begins at block 0 or 1.
 */
static bool groups_make_sense(ext2_filsys fs)
{
	struct ext2_super_block *super = fs->super;
	uint64_t blocks = super->s_blocks_per_group;
	uint64_t clusters = super->s_clusters_per_group;
	uint64_t first = super->s_first_data_block;

	return blocks == clusters << fs->cluster_ratio_bits && clusters > 0 &&
	       clusters <= (uint64_t)fs->blocksize * 8 && clusters % 8 == 0 && first <= 1 &&
	       first < ext2fs_blocks_count(super) &&
	       fs->group_desc_count == gmi_div_up_u64(ext2fs_blocks_count(super) - first, blocks);
}

static int read_map(struct gmi_source *source, ext2_filsys fs, bool mounted,
		    struct gmi_extents *used, const char **why_whole, struct gmi_error *err)
{
	uint64_t first = (uint64_t)fs->super->s_first_data_block * fs->blocksize;
	uint64_t length;
	errcode_t code;

	if (!gmi_mul_u64(ext2fs_blocks_count(fs->super), fs->blocksize, &length) ||
	    length > source->length)
		return gmi_fail(err, GMI_E_DAMAGED, "ext filesystem is larger than its volume");
	if (!groups_make_sense(fs))
		return gmi_fail(err, GMI_E_DAMAGED, "ext superblock with impossible groups");
	code = ext2fs_read_block_bitmap(fs);
	if (code)
		return gmi_ext_io_fail(err, code, "ext block bitmaps cannot be read");
	if (!mounted && !counts_agree(fs)) {
		*why_whole = "its bitmaps and its counts of free blocks disagree";
		return gmi_extents_whole(used, source->length, err);
	}
	/* With 1 KiB blocks the first one, a boot sector, is in no bitmap. */
	if (gmi_extents_append(used, 0, first, err) < 0 || append_used_blocks(fs, used, err) < 0)
		return -1;
	/* What follows the filesystem belongs to nobody that we know. */
	return gmi_extents_append(used, length, source->length - length, err);
}

int gmi_ext_used_map(struct gmi_source *source, bool mounted, struct gmi_extents *used,
		     const char **why_whole, struct gmi_error *err)
{
	GMI_CLEANUP(fs_clear) ext2_filsys fs = NULL;

	used->count = 0;
	*why_whole = NULL;
	if (gmi_ext_io_open(source, &fs, err) < 0)
		return -1;
	if (!mounted)
		*why_whole = distrust(fs);
	/* What the kernel is about to write is not on the disk yet, its checksums neither. */
	if (mounted)
		fs->flags |= EXT2_FLAG_IGNORE_CSUM_ERRORS;
	if (*why_whole)
		return gmi_extents_whole(used, source->length, err);
	return read_map(source, fs, mounted, used, why_whole, err);
}
