/*
 * Filesystems and tables with flipped bits and written-over bytes: whatever they say, nothing
 * crashes and no map leaves its volume. Each is a small disk in memory; the seed names the damage.
 */
#include "../unit.h"

#include "storage/ext.h"
#include "storage/layout.h"
#include "storage/usedmaps.h"
#include "support/storage_judge.h"
#include "support/storage_random.h"
#include "support/storage_scratch.h"

#include <stdlib.h>
#include <string.h>

#define ROUNDS 400

struct image {
	struct gmi_disk *disk;
	uint8_t *bytes;
	uint8_t *sound; /* as the tool made it */
	size_t length;
};

static void image_begin(struct image *image, const char *command)
{
	struct gmi_error err;

	storage_shell(
		"rm -rf image tree && mkdir tree && head -c 100000 /dev/urandom > tree/a && %s",
		command);
	image->sound = storage_load("image", &image->length);
	assert_gmi_ok(gmi_memory_disk_new(&image->disk, "disk", image->length, &image->bytes, &err),
		      &err);
}

static void image_end(struct image *image)
{
	gmi_disk_close(image->disk);
	free(image->sound);
}

/* One to eight places of [from, from + length): a bit, a byte, or a number's worst values. */
static void damage(struct image *image, uint64_t seed, size_t from, size_t length)
{
	static const uint8_t worst[] = { 0x00, 0xff, 0x7f, 0x80 };
	struct storage_random random = { seed };

	memcpy(image->bytes, image->sound, image->length);
	for (uint64_t left = 1 + storage_random_below(&random, 8); left > 0; left--) {
		size_t at = from + storage_random_below(&random, length);
		size_t run = 1 + storage_random_below(&random, 4);

		switch (storage_random_below(&random, 3)) {
		case 0:
			image->bytes[at] ^= (uint8_t)(1U << storage_random_below(&random, 8));
			break;
		case 1:
			image->bytes[at] = (uint8_t)storage_random_next(&random);
			break;
		default:
			if (run > from + length - at)
				run = from + length - at;
			memset(image->bytes + at, worst[storage_random_below(&random, 4)], run);
		}
	}
}

static int read_ext(struct gmi_source *source, struct gmi_extents *used, struct gmi_error *err)
{
	const char *why_whole;

	return gmi_ext_used_map(source, false, used, &why_whole, err);
}

/* The reader itself, then the whole layout, which must always succeed. */
static void attack(const char *command, size_t from, size_t length,
		   int (*reader)(struct gmi_source *, struct gmi_extents *, struct gmi_error *))
{
	struct image image;

	image_begin(&image, command);
	for (uint64_t seed = 0; seed < ROUNDS; seed++) {
		struct gmi_extents used = GMI_EXTENTS_EMPTY;
		struct gmi_region_source region;
		struct gmi_layout layout;
		struct gmi_error err;

		damage(&image, seed, from, length);
		gmi_region_source_init(&region, image.disk, 0, image.length);
		if (reader && reader(&region.source, &used, &err) == 0)
			storage_assert_sound(&used, image.length);
		gmi_extents_release(&used);
		if (seed % 4 && reader)
			continue;
		assert_gmi_ok(gmi_layout_scan(&layout, &image.disk, 1, GMI_SCAN_USED, &err), &err);
		for (uint32_t i = 0; i < layout.count; i++)
			storage_assert_sound(&layout.volumes[i].used, layout.volumes[i].length);
		gmi_layout_release(&layout);
	}
	image_end(&image);
}

static void ext_superblocks_and_descriptors(void **state)
{
	(void)state;
	attack("truncate -s 2M image && mke2fs -q -F -t ext2 -b 1024 -d tree image", 1024, 2048,
	       read_ext);
	attack("truncate -s 2M image && mke2fs -q -F -t ext4 -O "
	       "^metadata_csum,uninit_bg,^has_journal"
	       " -b 1024 -g 1024 -d tree image",
	       1024, 2048, read_ext);
}

static void ext_superblocks_whose_checksum_is_not_checked(void **state)
{
	(void)state;
	/* Offsets of the counts and of the features, where most of the code's branches hang. */
	attack("truncate -s 2M image && mke2fs -q -F -t ext2 -b 4096 -d tree image", 1024, 104,
	       read_ext);
	attack("truncate -s 2M image && mke2fs -q -F -t ext4 -O "
	       "^metadata_csum,^has_journal,bigalloc"
	       " -b 1024 -C 4096 -d tree image",
	       1024, 384, read_ext);
}

static void fat_boot_sectors_and_tables(void **state)
{
	(void)state;
	attack("truncate -s 1M image && mkfs.vfat -F 12 image && mcopy -i image tree/a ::", 11, 700,
	       gmi_fat_used_map);
	attack("truncate -s 5M image && mkfs.vfat -F 16 -s 1 image && mcopy -i image tree/a ::", 11,
	       30, gmi_fat_used_map);
	attack("truncate -s 34M image && mkfs.vfat -F 32 -s 1 image", 11, 60, gmi_fat_used_map);
}

static void squashfs_superblocks(void **state)
{
	(void)state;
	attack("mksquashfs tree image -noappend -quiet && truncate -s 1M image", 0, 96,
	       gmi_squashfs_used_map);
}

static void swap_headers(void **state)
{
	(void)state;
	attack("truncate -s 1M image && mkswap image", 1024, 3072, gmi_swap_used_map);
}

static void partition_tables(void **state)
{
	(void)state;
	attack("truncate -s 4M image && printf 'label: dos\\nstart=64, size=1024, type=83\\n"
	       "start=2048, size=4096, type=5\\nstart=3000, size=500, type=83\\n"
	       "start=4000, size=500, type=83\\n' | sfdisk -q image",
	       440, 72, NULL);
	attack("truncate -s 4M image && printf 'label: gpt\\nfirst-lba: 34\\n"
	       "start=64, size=1024\\nstart=2048, size=2048\\n' | sfdisk -q image",
	       440, 1024 + 300, NULL);
}

/* A volume that ends anywhere, also within a superblock or a table. */
static void volumes_cut_short_anywhere(void **state)
{
	static const struct {
		const char *command;
		int (*reader)(struct gmi_source *, struct gmi_extents *, struct gmi_error *);
	} kinds[] = {
		{ "truncate -s 1M image && mke2fs -q -F -d tree image", read_ext },
		{ "truncate -s 1M image && mkfs.vfat -F 12 image", gmi_fat_used_map },
		{ "mksquashfs tree image -noappend -quiet", gmi_squashfs_used_map },
		{ "truncate -s 1M image && mkswap image", gmi_swap_used_map },
	};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct image image;

		image_begin(&image, kinds[i].command);
		memcpy(image.bytes, image.sound, image.length);
		for (size_t length = 1; length < image.length; length += 1 + length / 9) {
			struct gmi_extents used = GMI_EXTENTS_EMPTY;
			struct gmi_region_source region;
			struct gmi_error err;

			gmi_region_source_init(&region, image.disk, 0, length);
			if (kinds[i].reader(&region.source, &used, &err) == 0)
				storage_assert_sound(&used, length);
			gmi_extents_release(&used);
		}
		image_end(&image);
	}
}

static size_t number_of_bitmap_block(void)
{
	char *text = storage_shell_output("dumpe2fs image 2>/dev/null |"
					  "sed -n 's/.*Block bitmap at //p'");
	size_t number = strtoul(text, NULL, 10);

	assert_int_not_equal(number, 0);
	free(text);
	return number;
}

/* Without metadata_csum only the counts can tell. */
static void a_flipped_bit_in_a_bitmap_is_noticed(void **state)
{
	struct gmi_region_source region;
	struct image image;
	uint8_t *bitmap;

	(void)state;
	image_begin(&image, "truncate -s 2M image && mke2fs -q -F -t ext2 -b 1024 -d tree image");
	gmi_region_source_init(&region, image.disk, 0, image.length);
	bitmap = image.bytes + number_of_bitmap_block() * 1024;
	for (size_t bit = 0; bit < 2047; bit += 13) {
		struct gmi_extents used = GMI_EXTENTS_EMPTY;
		const char *why_whole;
		struct gmi_error err;

		memcpy(image.bytes, image.sound, image.length);
		bitmap[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_gmi_ok(gmi_ext_used_map(&region.source, false, &used, &why_whole, &err),
			      &err);
		assert_non_null(why_whole);
		assert_true(storage_is_whole(&used, image.length));
		gmi_extents_release(&used);
	}
	image_end(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ext_superblocks_and_descriptors),
		cmocka_unit_test(ext_superblocks_whose_checksum_is_not_checked),
		cmocka_unit_test(fat_boot_sectors_and_tables),
		cmocka_unit_test(squashfs_superblocks),
		cmocka_unit_test(swap_headers),
		cmocka_unit_test(partition_tables),
		cmocka_unit_test(volumes_cut_short_anywhere),
		cmocka_unit_test(a_flipped_bit_in_a_bitmap_is_noticed),
	};

	return cmocka_run_group_tests_name("storage/corrupt", tests, NULL, NULL);
}
