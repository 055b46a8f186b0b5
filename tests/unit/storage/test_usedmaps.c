/* Used maps of FAT, squashfs and swap that the real tools made. */
#include "../unit.h"

#include "base/checked.h"
#include "storage/layout.h"
#include "storage/usedmaps.h"
#include "support/storage_judge.h"
#include "support/storage_scratch.h"

#include <stdlib.h>
#include <string.h>

typedef int map_reader(struct gmi_source *, struct gmi_extents *, struct gmi_error *);

static int read_map(map_reader *reader, const char *name, struct gmi_extents *used,
		    struct gmi_error *err)
{
	struct gmi_disk *disk = storage_open(name, false);
	struct gmi_region_source region;
	int result;

	gmi_region_source_init(&region, disk, 0, disk->length);
	*used = (struct gmi_extents)GMI_EXTENTS_EMPTY;
	result = reader(&region.source, used, err);
	if (result == 0)
		storage_assert_sound(used, disk->length);
	gmi_disk_close(disk);
	return result;
}

/* What the layout makes of an image that holds a filesystem and nothing else. */
static void scan_image(const char *name, struct gmi_layout *layout)
{
	struct gmi_disk *disk = storage_open(name, false);
	struct gmi_error err;

	assert_gmi_ok(gmi_layout_scan(layout, &disk, 1, GMI_SCAN_USED, &err), &err);
	assert_int_equal(layout->count, 1);
	storage_assert_sound(&layout->volumes[0].used, disk->length);
	gmi_disk_close(disk);
}

/* Files of many sizes, of which some are deleted. `length` bytes in all, `step` between sizes. */
static void fill_fat(unsigned int step)
{
	storage_shell("rm -rf tree && mkdir -p tree/sub && cd tree &&"
		      "for i in $(seq 30); do head -c $((i * %u)) /dev/urandom > f$i; done &&"
		      "cp f3 sub/inner && cd .. && mcopy -s -i image tree/* :: &&"
		      "mdel -i image ::f2 ::f11 ::f12 ::f29 && rm tree/f2 tree/f1[12] tree/f29",
		      step);
}

static void assert_fat_loses_nothing(const char *kind, uint64_t length, unsigned int step)
{
	struct gmi_extents used;
	struct gmi_error err;

	storage_make_file("image", length);
	storage_shell("mkfs.vfat %s image", kind);
	fill_fat(step);
	assert_gmi_ok(read_map(gmi_fat_used_map, "image", &used, &err), &err);
	/* The deleted files at least are left out. */
	assert_true(gmi_extents_total(&used) + 40ULL * step < length);
	storage_keep_only("image", "copy", &used);
	storage_shell("fsck.fat -n copy && rm -rf back && mkdir back &&"
		      "mcopy -s -n -i copy ::/* back && diff -r tree back");
	gmi_extents_release(&used);
}

static void fat12_needs_nothing_but_its_map(void **state)
{
	(void)state;
	assert_fat_loses_nothing("-F 12", 4 << 20, 3001);
	assert_fat_loses_nothing("-F 12 -f 1 -s 1 -r 64 -R 7", 2 << 20, 1201);
}

static void fat16_needs_nothing_but_its_map(void **state)
{
	(void)state;
	assert_fat_loses_nothing("-F 16", 32 << 20, 9001);
	assert_fat_loses_nothing("-F 16 -S 2048 -s 2", 33 << 20, 9001);
}

static void fat32_needs_nothing_but_its_map(void **state)
{
	(void)state;
	assert_fat_loses_nothing("-F 32 -s 1", 40 << 20, 9001);
}

static void a_full_fat_is_wholly_in_its_map(void **state)
{
	struct gmi_extents used;
	struct gmi_error err;

	(void)state;
	storage_make_file("image", 2 << 20);
	storage_shell("mkfs.vfat -F 12 image && head -c 3M /dev/urandom > big &&"
		      "{ mcopy -i image big ::; true; } && mdir -i image");
	storage_shell(
		"head -c $(($(mdir -i image | sed -n 's/ bytes free//p' | tr -d ' ') / 1)) big"
		" > fits && mcopy -i image fits ::");
	assert_gmi_ok(read_map(gmi_fat_used_map, "image", &used, &err), &err);
	assert_true(storage_is_whole(&used, 2 << 20));
	gmi_extents_release(&used);
}

static void what_follows_a_smaller_fat_is_in_the_map(void **state)
{
	struct gmi_extents used;
	struct gmi_error err;

	(void)state;
	storage_make_file("image", 4 << 20);
	storage_shell("mkfs.vfat -F 12 image && truncate -s 6M image");
	assert_gmi_ok(read_map(gmi_fat_used_map, "image", &used, &err), &err);
	/* From the rest of a cluster at the filesystem's end on. */
	assert_in_range(used.list[used.count - 1].offset, (4 << 20) - 2048, 4 << 20);
	assert_int_equal(used.list[used.count - 1].offset + used.list[used.count - 1].length,
			 6 << 20);
	gmi_extents_release(&used);
}

/* A mounted FAT, or one that was pulled out: bit 0 of the state byte (BS_Reserved1). */
static void a_fat_that_was_not_unmounted_is_whole(void **state)
{
	static const struct {
		const char *kind;
		unsigned int state_byte;
	} kinds[] = { { "-F 12", 37 }, { "-F 32 -s 1", 65 } };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct gmi_layout layout;

		storage_make_file("image", 40 << 20);
		storage_shell("mkfs.vfat %s image && printf '\\001' |"
			      "dd of=image bs=1 seek=%u conv=notrunc",
			      i ? kinds[i].kind : "-F 16", kinds[i].state_byte);
		scan_image("image", &layout);
		assert_string_equal(layout.volumes[0].content, "vfat");
		assert_true(storage_is_whole(&layout.volumes[0].used, 40 << 20));
		assert_non_null(strstr(layout.volumes[0].note, "not unmounted cleanly"));
		gmi_layout_release(&layout);
	}
}

/* A table that is larger than its clusters need costs no memory: only the entries are read. */
static void a_giant_table_is_not_read_whole(void **state)
{
	struct gmi_extents used;
	struct gmi_error err;
	uint8_t number[4];
	struct gmi_disk *disk;

	(void)state;
	storage_make_file("image", 40 << 20);
	storage_shell("mkfs.vfat -F 32 -s 1 image && truncate -s 1T image");
	disk = storage_open("image", true);
	gmi_put_le32(number, (1U << 31) - 1); /* BPB_TotSec32: 1 TiB */
	assert_gmi_ok(gmi_disk_write(disk, 32, number, 4, &err), &err);
	gmi_put_le32(number, (1U << 30) - 100000); /* BPB_FATSz32: two of 512 GiB less 50 MB */
	assert_gmi_ok(gmi_disk_write(disk, 36, number, 4, &err), &err);
	gmi_disk_close(disk);
	assert_gmi_ok(read_map(gmi_fat_used_map, "image", &used, &err), &err);
	gmi_extents_release(&used);
}

static void squashfs_is_as_long_as_it_says(void **state)
{
	struct gmi_layout layout;
	char *text;

	(void)state;
	storage_shell("rm -rf tree image && mkdir tree && head -c 300000 /dev/urandom > tree/a &&"
		      "mksquashfs tree image -noappend -quiet && truncate -s 3M image");
	scan_image("image", &layout);
	assert_string_equal(layout.volumes[0].content, "squashfs");
	assert_int_equal(layout.volumes[0].used.count, 1);
	assert_true(layout.volumes[0].used.list[0].length < 320 << 10);
	storage_keep_only("image", "copy", &layout.volumes[0].used);
	text = storage_shell_output(
		"unsquashfs -q -n -d back copy && cmp tree/a back/a && rm -r back");
	free(text);
	gmi_layout_release(&layout);
}

static void a_squashfs_that_something_follows_is_whole(void **state)
{
	/* Right behind it, in the middle of what is left, and in the volume's last byte. */
	static const unsigned int places[] = { 320 << 10, 1 << 20, (3 << 20) - 1 };
	struct gmi_layout layout;

	(void)state;
	storage_shell("rm -rf tree && mkdir tree && head -c 320000 /dev/urandom > tree/a");
	for (size_t i = 0; i < 3; i++) {
		storage_shell(
			"rm -f image && mksquashfs tree image -noappend -quiet &&"
			"truncate -s 3M image && printf x | dd of=image bs=1 seek=%u conv=notrunc",
			places[i]);
		scan_image("image", &layout);
		assert_true(storage_is_whole(&layout.volumes[0].used, 3 << 20));
		assert_string_equal(layout.volumes[0].note,
				    "stored whole: something follows the squashfs");
		gmi_layout_release(&layout);
	}
}

static void of_a_swap_area_only_the_header_is_kept(void **state)
{
	static const unsigned int pages[] = { 4096, 8192, 65536 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct gmi_layout layout;

		storage_make_file("image", 4 << 20);
		storage_shell("mkswap -L scratch -p %u image", pages[i]);
		scan_image("image", &layout);
		assert_string_equal(layout.volumes[0].content, "swap");
		assert_string_equal(layout.volumes[0].label, "scratch");
		assert_int_equal(layout.volumes[0].used.count, 1);
		assert_int_equal(layout.volumes[0].used.list[0].length, pages[i]);
		gmi_layout_release(&layout);
	}
}

static void a_filesystem_that_we_do_not_know_is_whole(void **state)
{
	struct gmi_layout layout;

	(void)state;
	storage_make_file("image", 320 << 20);
	storage_shell("mkfs.xfs -q image");
	scan_image("image", &layout);
	assert_string_equal(layout.volumes[0].content, "xfs");
	assert_string_equal(layout.volumes[0].note, "");
	assert_true(storage_is_whole(&layout.volumes[0].used, 320 << 20));
	gmi_layout_release(&layout);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fat12_needs_nothing_but_its_map),
		cmocka_unit_test(fat16_needs_nothing_but_its_map),
		cmocka_unit_test(fat32_needs_nothing_but_its_map),
		cmocka_unit_test(a_full_fat_is_wholly_in_its_map),
		cmocka_unit_test(what_follows_a_smaller_fat_is_in_the_map),
		cmocka_unit_test(a_fat_that_was_not_unmounted_is_whole),
		cmocka_unit_test(a_giant_table_is_not_read_whole),
		cmocka_unit_test(squashfs_is_as_long_as_it_says),
		cmocka_unit_test(a_squashfs_that_something_follows_is_whole),
		cmocka_unit_test(of_a_swap_area_only_the_header_is_kept),
		cmocka_unit_test(a_filesystem_that_we_do_not_know_is_whole),
	};

	return cmocka_run_group_tests_name("storage/usedmaps", tests, NULL, NULL);
}
