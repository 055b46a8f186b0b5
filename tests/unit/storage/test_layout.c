/* Disks divided into volumes: tables by the real sfdisk, and tables that no tool would make. */
#include "../unit.h"

#include "storage/layout.h"
#include "support/storage_fat.h"
#include "support/storage_judge.h"
#include "support/storage_scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB (1ULL << 20)

/* Scans and checks what holds for every layout. */
static void scan(struct gmi_layout *layout, struct gmi_disk *const *disks, uint32_t count)
{
	struct gmi_error err;
	uint32_t at = 0;

	assert_gmi_ok(gmi_layout_scan(layout, disks, count, GMI_SCAN_USED, &err), &err);
	for (uint32_t disk = 0; disk < count; disk++) {
		uint64_t covered = 0;

		for (; at < layout->count && layout->volumes[at].disk == disk; at++) {
			const struct gmi_volume *volume = &layout->volumes[at];

			assert_int_equal(volume->offset, covered);
			assert_true(volume->length > 0);
			covered += volume->length;
			storage_assert_sound(&volume->used, volume->length);
			for (uint32_t i = 0; i < at; i++)
				assert_string_not_equal(volume->name, layout->volumes[i].name);
		}
		assert_int_equal(covered, disks[disk]->length);
	}
	assert_int_equal(at, layout->count);
}

static void scan_image(struct gmi_layout *layout)
{
	struct gmi_disk *disk = storage_open("image", false);

	scan(layout, &disk, 1);
	gmi_disk_close(disk);
}

/* The volumes as one line: "name=content+length/512 ...". */
static void assert_layout(const struct gmi_layout *layout, const char *table, const char *wanted)
{
	char line[2000] = "";

	for (uint32_t i = 0; i < layout->count; i++) {
		const struct gmi_volume *volume = &layout->volumes[i];

		snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s%s=%s+%llu",
			 i ? " " : "", volume->name, volume->content,
			 (unsigned long long)(volume->length / 512));
	}
	assert_string_equal(layout->tables[0], table);
	assert_string_equal(line, wanted);
}

static void assert_all_whole(const struct gmi_layout *layout)
{
	for (uint32_t i = 0; i < layout->count; i++)
		assert_true(storage_is_whole(&layout->volumes[i].used, layout->volumes[i].length));
}

static void gpt_partitions_are_called_by_their_labels(void **state)
{
	struct gmi_layout layout;

	(void)state;
	storage_make_file("image", 16 * MIB);
	storage_shell("printf 'label: gpt\\n"
		      "start=2048, size=2048, name=system0\\n"
		      "start=4096, size=4096, name=\"Two Words\"\\n"
		      "start=10240, size=2048, name=system0\\n"
		      "start=12288, size=2048, name=disk-tail\\n"
		      "start=14336, size=2048, name=data.v1_x-2\\n"
		      "start=16384, size=2048, name=..\\n' | sfdisk -q image &&"
		      "truncate -s 1M part && mke2fs -q -F -t ext4 part &&"
		      "dd if=part of=image bs=1M seek=1 conv=notrunc &&"
		      "rm part && truncate -s 2M part && mkfs.vfat part &&"
		      "dd if=part of=image bs=1M seek=2 conv=notrunc");
	scan_image(&layout);
	assert_layout(&layout, "gpt",
		      "disk-head=table+2048 system0=ext4+2048 disk-p2=vfat+4096 disk-gap1=gap+2048 "
		      "disk-p3=raw+2048 disk-p4=raw+2048 data.v1_x-2=raw+2048 disk-p6=raw+2048 "
		      "disk-tail=gap+14336");
	assert_string_equal(layout.volumes[2].label, "Two Words");
	assert_true(gmi_extents_total(&layout.volumes[1].used) < MIB);
	assert_true(gmi_extents_total(&layout.volumes[2].used) < 2 * MIB);
	gmi_layout_release(&layout);
}

static void logical_partitions_are_volumes_and_what_is_around_them_gaps(void **state)
{
	struct gmi_layout layout;

	(void)state;
	storage_make_file("image", 16 * MIB);
	storage_shell("printf 'label: dos\\n"
		      "start=2048, size=2048, type=83\\n"
		      "start=4096, size=20480, type=5\\n"
		      "start=6144, size=2048, type=83\\n"
		      "start=10240, size=4096, type=82\\n"
		      "start=26624, type=83\\n' | sfdisk -q image");
	scan_image(&layout);
	assert_layout(&layout, "dos",
		      "disk-head=table+2048 disk-p1=raw+2048 disk-gap1=gap+2048 disk-p5=raw+2048 "
		      "disk-gap2=gap+2048 disk-p6=raw+4096 disk-gap3=gap+12288 disk-p3=raw+6144");
	gmi_layout_release(&layout);
}

static void a_disk_without_a_table_is_one_volume(void **state)
{
	struct gmi_layout layout;

	(void)state;
	storage_make_file("image", 8 * MIB + 333);
	scan_image(&layout);
	assert_layout(&layout, "none", "disk=raw+16384");
	assert_all_whole(&layout);
	gmi_layout_release(&layout);
	storage_make_file("image", 8 * MIB);
	storage_shell("mke2fs -q -F -t ext2 -L label image");
	scan_image(&layout);
	assert_layout(&layout, "none", "disk=ext2+16384");
	assert_string_equal(layout.volumes[0].label, "label");
	gmi_layout_release(&layout);
}

static void flash_is_never_looked_into(void **state)
{
	struct gmi_disk_config config = { .name = "flash", .flash = true };
	struct gmi_layout layout;
	struct gmi_disk *disk;
	struct gmi_error err;

	(void)state;
	storage_make_file("image", 8 * MIB);
	storage_shell("mke2fs -q -F image");
	config.path = storage_path("image");
	assert_gmi_ok(gmi_disk_open(&disk, &config, &err), &err);
	scan(&layout, &disk, 1);
	assert_layout(&layout, "none", "flash=raw+16384");
	assert_all_whole(&layout);
	gmi_layout_release(&layout);
	gmi_disk_close(disk);
}

static void all_blocks_means_every_byte(void **state)
{
	struct gmi_disk *disk;
	struct gmi_layout layout;
	struct gmi_error err;

	(void)state;
	storage_make_file("image", 8 * MIB);
	storage_shell("mke2fs -q -F image");
	disk = storage_open("image", false);
	assert_gmi_ok(gmi_layout_scan(&layout, &disk, 1, GMI_SCAN_ALL, &err), &err);
	assert_layout(&layout, "none", "disk=ext2+16384");
	assert_all_whole(&layout);
	gmi_layout_release(&layout);
	gmi_disk_close(disk);
}

static void tables_that_make_no_sense_are_stored_whole(void **state)
{
	static const uint32_t overlapping[][2] = { { 10, 100 }, { 109, 100 } };
	static const uint32_t too_long[][2] = { { 10, 100 }, { 200, UINT32_MAX } };
	static const uint32_t over_the_table[][2] = { { 0, 100 }, { 0, 200 } };
	static const struct {
		const uint32_t (*partitions)[2];
		const char *note;
	} tables[] = {
		{ overlapping, "stored whole: overlapping partitions" },
		{ too_long, "stored whole: partitions beyond the end of the disk" },
		{ over_the_table, "stored whole: overlapping partitions" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		struct gmi_layout layout;
		struct gmi_disk *disk;
		struct gmi_error err;
		uint8_t *bytes;

		assert_gmi_ok(gmi_memory_disk_new(&disk, "disk", MIB, &bytes, &err), &err);
		storage_dos_table(bytes, tables[i].partitions, 2);
		scan(&layout, &disk, 1);
		assert_layout(&layout, "dos", "disk=raw+2048");
		assert_string_equal(layout.volumes[0].note, tables[i].note);
		assert_all_whole(&layout);
		gmi_layout_release(&layout);
		gmi_disk_close(disk);
	}
}

static void a_gpt_on_a_disk_that_became_shorter_loses_no_byte(void **state)
{
	struct gmi_layout layout;

	(void)state;
	storage_make_file("image", 16 * MIB);
	storage_shell("printf 'label: gpt\\nstart=2048, size=16384, name=a\\n"
		      "start=18432, name=b\\n' | sfdisk -q image && truncate -s 12M image");
	scan_image(&layout);
	assert_all_whole(&layout);
	gmi_layout_release(&layout);
}

/* Names that a disk's volumes get may be those of other disks: emmc-head, emmc-p1. */
static void names_are_unique_whatever_the_disks_are_called(void **state)
{
	static const char *const names[] = { "emmc", "emmc-head", "emmc-p1", "emmc-tail",
					     "emmc-head-2" };
	static const uint32_t partitions[][2] = { { 10, 100 }, { 300, 100 } };
	struct gmi_disk *disks[5];
	struct gmi_layout layout;
	struct gmi_error err;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		uint8_t *bytes;

		assert_gmi_ok(gmi_memory_disk_new(&disks[i], names[i], MIB, &bytes, &err), &err);
		if (i < 2)
			storage_dos_table(bytes, partitions, 2);
	}
	scan(&layout, disks, 5);
	assert_string_equal(layout.volumes[0].name, "emmc-head");
	gmi_layout_release(&layout);
	for (size_t i = 0; i < 5; i++)
		gmi_disk_close(disks[i]);
}

/* A manifest is JSON, which holds nothing but UTF-8. */
static void labels_in_other_alphabets_are_made_readable(void **state)
{
	struct gmi_layout layout;

	(void)state;
	storage_make_file("image", 8 * MIB);
	storage_shell("mke2fs -q -F -t ext4 image && tune2fs -L $(printf 'caf\\351-1') image");
	scan_image(&layout);
	assert_string_equal(layout.volumes[0].label, "caf?-1");
	gmi_layout_release(&layout);
	storage_shell("tune2fs -L 'caf\303\251' image");
	scan_image(&layout);
	assert_string_equal(layout.volumes[0].label, "caf\303\251");
	gmi_layout_release(&layout);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gpt_partitions_are_called_by_their_labels),
		cmocka_unit_test(logical_partitions_are_volumes_and_what_is_around_them_gaps),
		cmocka_unit_test(a_disk_without_a_table_is_one_volume),
		cmocka_unit_test(flash_is_never_looked_into),
		cmocka_unit_test(all_blocks_means_every_byte),
		cmocka_unit_test(tables_that_make_no_sense_are_stored_whole),
		cmocka_unit_test(a_gpt_on_a_disk_that_became_shorter_loses_no_byte),
		cmocka_unit_test(names_are_unique_whatever_the_disks_are_called),
		cmocka_unit_test(labels_in_other_alphabets_are_made_readable),
	};

	return cmocka_run_group_tests_name("storage/layout", tests, NULL, NULL);
}
