/* Used maps of filesystems that the real mke2fs made, against what the real dumpe2fs says of them.
 */
#include "../unit.h"

#include "storage/ext.h"
#include "support/storage_judge.h"
#include "support/storage_scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every way in which a filesystem's bitmaps can be laid out differently. */
static const char *const kinds[] = {
	"-t ext2 -b 1024",
	"-t ext2 -b 4096",
	"-t ext2 -b 2048 -O ^resize_inode,^sparse_super",
	"-t ext3 -b 1024",
	"-t ext3 -b 4096",
	"-t ext4 -b 1024 -O ^64bit",
	"-t ext4 -b 1024 -O 64bit,metadata_csum",
	"-t ext4 -b 4096 -O 64bit,metadata_csum",
	"-t ext4 -b 4096 -O ^64bit,^metadata_csum,uninit_bg",
	"-t ext4 -b 1024 -O ^metadata_csum,uninit_bg -E lazy_itable_init=1,lazy_journal_init=1",
	"-t ext4 -b 1024 -O metadata_csum -E lazy_itable_init=1,lazy_journal_init=1",
	"-t ext4 -b 1024 -O ^flex_bg",
	"-t ext4 -b 1024 -O meta_bg,^resize_inode",
	"-t ext4 -b 1024 -O sparse_super2",
	"-t ext4 -b 1024 -O ^has_journal",
	"-t ext4 -b 4096 -O bigalloc -C 16384",
	"-t ext4 -b 1024 -O bigalloc -C 65536",
	"-t ext4 -b 1024 -g 1024 -N 64 -G 4",
	"-t ext4 -b 4096 -O inline_data,orphan_file",
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))
#define IMAGE_LENGTH (40ULL << 20)

/* Files of many sizes, to be put into every filesystem. */
static int make_tree(void **state)
{
	(void)state;
	storage_shell("mkdir -p tree/some/folder && cd tree &&"
		      "for i in $(seq 40); do"
		      "  head -c $((i * i * 217)) /dev/urandom > file-$i;"
		      "  echo $i > some/folder/small-$i; done &&"
		      "ln -s some/folder link && truncate -s 9M sparse && echo end >> sparse");
	return 0;
}

/* Some files are deleted: their blocks are free and hold stale bytes. */
static void make_filesystem(const char *kind)
{
	storage_make_file("image", IMAGE_LENGTH);
	storage_shell("mke2fs -q -F %s -d tree image &&"
		      "printf 'rm file-%%s\n' 3 11 12 13 25 39 | debugfs -w -f - image",
		      kind);
}

static void used_map_of(const char *name, struct gmi_extents *used, const char **why_whole)
{
	struct gmi_region_source region;
	struct gmi_disk *disk = storage_open(name, false);
	struct gmi_error err;

	gmi_region_source_init(&region, disk, 0, disk->length);
	*used = (struct gmi_extents)GMI_EXTENTS_EMPTY;
	assert_gmi_ok(gmi_ext_used_map(&region.source, false, used, why_whole, &err), &err);
	storage_assert_sound(used, disk->length);
	gmi_disk_close(disk);
}

static uint64_t number_behind(const char *text, const char *label, uint64_t otherwise)
{
	const char *at = strstr(text, label);

	return at ? strtoull(at + strlen(label), NULL, 10) : otherwise;
}

/* A byte per block of the image: 1 where dumpe2fs lists it as free. With bigalloc it lists clusters
 * by their first block. */
static uint8_t *free_blocks(const char *image, uint64_t *block, uint64_t *blocks)
{
	char *text = storage_shell_output("dumpe2fs %s", image);
	uint64_t cluster;
	uint8_t *is_free;

	*block = number_behind(text, "\nBlock size:", 0);
	*blocks = number_behind(text, "\nBlock count:", 0);
	cluster = number_behind(text, "\nCluster size:", *block) / *block;
	is_free = calloc(*blocks + cluster, 1);
	for (char *at = text; (at = strstr(at, "\n  Free blocks: ")) != NULL;) {
		at += strlen("\n  Free blocks: ");
		while (*at >= '0' && *at <= '9') {
			uint64_t first = strtoull(at, &at, 10);
			uint64_t last = *at == '-' ? strtoull(at + 1, &at, 10) : first;

			assert_true(first <= last && last < *blocks);
			memset(is_free + first, 1, last + cluster - first);
			at += strspn(at, ", ");
		}
	}
	free(text);
	return is_free;
}

static void every_block_is_in_the_map_or_free(void **state)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct gmi_extents used;
		const char *why_whole;
		uint64_t block;
		uint64_t blocks;
		uint8_t *is_free;

		make_filesystem(kinds[i]);
		is_free = free_blocks("image", &block, &blocks);
		assert_int_equal(block * blocks, IMAGE_LENGTH);
		used_map_of("image", &used, &why_whole);
		assert_null(why_whole);
		for (uint64_t at = 0; at < blocks; at++) {
			if (gmi_extents_touch(&used, at * block, block) == is_free[at])
				fail_msg("mke2fs %s: block %llu is %s the map", kinds[i],
					 (unsigned long long)at,
					 is_free[at] ? "free and in" : "used and not in");
		}
		assert_true(gmi_extents_total(&used) % block == 0);
		assert_true(gmi_extents_total(&used) < IMAGE_LENGTH);
		gmi_extents_release(&used);
		free(is_free);
	}
	(void)state;
}

static void what_is_outside_of_the_map_is_not_missed(void **state)
{
	for (size_t i = 0; i < KINDS; i += 3) {
		struct gmi_extents used;
		const char *why_whole;

		make_filesystem(kinds[i]);
		used_map_of("image", &used, &why_whole);
		storage_keep_only("image", "copy", &used);
		gmi_extents_release(&used);
		storage_shell("e2fsck -fn copy");
		storage_shell("rm -rf before after && mkdir before after &&"
			      "debugfs -R 'rdump / before' image &&"
			      "debugfs -R 'rdump / after' copy && ls before/file-40 &&"
			      "diff -r --no-dereference before after");
	}
	(void)state;
}

static void assert_whole_because(const char *reason)
{
	struct gmi_extents used;
	const char *why_whole;

	used_map_of("image", &used, &why_whole);
	assert_true(storage_is_whole(&used, IMAGE_LENGTH));
	assert_string_equal(why_whole, reason);
	gmi_extents_release(&used);
}

static void a_journal_that_needs_recovery_makes_it_whole(void **state)
{
	(void)state;
	make_filesystem("-t ext4 -b 1024");
	/* A transaction that is committed and not yet in place, as after a power cut. */
	storage_shell(
		"head -c 4096 /dev/urandom > block && printf 'jo\\njw -b 2000 block\\njc\\n' |"
		"debugfs -w -f - image");
	assert_whole_because("its journal needs recovery");
}

static void a_filesystem_that_was_not_unmounted_is_whole(void **state)
{
	(void)state;
	make_filesystem("-t ext2 -b 1024");
	storage_shell("debugfs -w -R 'ssv state 0' image");
	assert_whole_because("the filesystem was not unmounted cleanly");
}

static void a_filesystem_with_errors_is_whole(void **state)
{
	(void)state;
	make_filesystem("-t ext4 -b 4096");
	storage_shell("debugfs -w -R 'ssv state 3' image");
	assert_whole_because("the filesystem has errors");
}

static void a_filesystem_whose_counts_disagree_with_its_bitmaps_is_whole(void **state)
{
	(void)state;
	make_filesystem("-t ext2 -b 1024");
	storage_shell("debugfs -w -R 'freeb 600 40' image && debugfs -w -R 'set_bg 0 "
		      "free_blocks_count 1' image");
	assert_whole_because("its bitmaps and its counts of free blocks disagree");
}

static void what_follows_a_smaller_filesystem_is_in_the_map(void **state)
{
	struct gmi_extents used;
	const char *why_whole;

	(void)state;
	make_filesystem("-t ext4 -b 4096");
	storage_shell("e2fsck -fy image; resize2fs image 20M && truncate -s 40M image");
	used_map_of("image", &used, &why_whole);
	assert_null(why_whole);
	assert_int_equal(used.list[used.count - 1].offset + used.list[used.count - 1].length,
			 IMAGE_LENGTH);
	assert_true(used.list[used.count - 1].length >= 20 << 20);
	gmi_extents_release(&used);
}

static void a_filesystem_cut_short_is_refused(void **state)
{
	struct gmi_extents used = GMI_EXTENTS_EMPTY;
	struct gmi_region_source region;
	const char *why_whole;
	struct gmi_error err;
	struct gmi_disk *disk;

	(void)state;
	make_filesystem("-t ext4 -b 1024");
	disk = storage_open("image", false);
	gmi_region_source_init(&region, disk, 0, disk->length - 1);
	assert_int_equal(gmi_ext_used_map(&region.source, false, &used, &why_whole, &err), -1);
	assert_string_equal(err.message, "ext filesystem is larger than its volume");
	gmi_extents_release(&used);
	gmi_disk_close(disk);
}

/* What the kernel makes of lazily initialized groups, delayed allocation and a journal in use. */
static void a_filesystem_that_the_kernel_wrote_is_mapped(void **state)
{
	const char *write = "mount -o loop image mounted && (cd mounted && for i in $(seq 60); do"
			    " head -c $((i * 5003)) /dev/urandom > kernel-$i; done &&"
			    " rm kernel-1 kernel-7 kernel-1? kernel-5? && sync -f .) &&";
	struct gmi_extents used;
	const char *why_whole;
	uint64_t block;
	uint64_t blocks;
	uint8_t *is_free;

	(void)state;
	make_filesystem("-t ext4 -b 1024 -E lazy_itable_init=1,lazy_journal_init=1");
	if (storage_shell_status(
		    "mkdir -p mounted && mount -o loop image mounted && umount mounted"))
		skip();
	storage_shell(
		"%s cp mounted/kernel-60 . && cp --sparse=always image moving && umount mounted",
		write);
	used_map_of("moving", &used, &why_whole);
	assert_string_equal(why_whole, "its journal needs recovery");
	gmi_extents_release(&used);

	is_free = free_blocks("image", &block, &blocks);
	used_map_of("image", &used, &why_whole);
	assert_null(why_whole);
	for (uint64_t at = 0; at < blocks; at++)
		assert_int_not_equal(gmi_extents_touch(&used, at * block, block), is_free[at]);
	storage_keep_only("image", "copy", &used);
	storage_shell("e2fsck -fn copy && debugfs -R 'dump kernel-60 back-60' copy && cmp "
		      "kernel-60 back-60");
	gmi_extents_release(&used);
	free(is_free);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_block_is_in_the_map_or_free),
		cmocka_unit_test(what_is_outside_of_the_map_is_not_missed),
		cmocka_unit_test(a_journal_that_needs_recovery_makes_it_whole),
		cmocka_unit_test(a_filesystem_that_was_not_unmounted_is_whole),
		cmocka_unit_test(a_filesystem_with_errors_is_whole),
		cmocka_unit_test(a_filesystem_whose_counts_disagree_with_its_bitmaps_is_whole),
		cmocka_unit_test(what_follows_a_smaller_filesystem_is_in_the_map),
		cmocka_unit_test(a_filesystem_cut_short_is_refused),
		cmocka_unit_test(a_filesystem_that_the_kernel_wrote_is_mapped),
	};

	return cmocka_run_group_tests_name("storage/ext_used", tests, make_tree, NULL);
}
