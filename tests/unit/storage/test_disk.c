/* Disks: image files, block devices through a loop device, memory. */
#include "../unit.h"

#include "storage/disk.h"
#include "support/storage_loop.h"
#include "support/storage_random.h"
#include "support/storage_scratch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FAR (5ULL << 30)

static void assert_reads(struct gmi_disk *disk, uint64_t offset, const void *wanted, size_t length)
{
	uint8_t *got = malloc(length);
	struct gmi_error err;

	assert_gmi_ok(gmi_disk_read(disk, offset, got, length, &err), &err);
	assert_memory_equal(got, wanted, length);
	free(got);
}

static uint64_t blocks_of(const char *name)
{
	struct stat status;

	assert_int_equal(stat(storage_path(name), &status), 0);
	return (uint64_t)status.st_blocks * 512;
}

/* What every kind of disk must do; its end lies at `end`. */
static void exercise(struct gmi_disk *disk, uint64_t end)
{
	static const uint8_t zeros[8192];
	struct storage_random random = { 1 };
	uint8_t data[8192];
	struct gmi_error err;

	storage_random_fill(&random, data, sizeof(data));
	assert_int_equal(disk->length, end);
	/* Neither begin nor length are whole sectors. */
	assert_gmi_ok(gmi_disk_write(disk, end - 9001, data, 8192, &err), &err);
	assert_reads(disk, end - 9001, data, 8192);
	assert_gmi_ok(gmi_disk_zero(disk, end - 9000, 8001, &err), &err);
	assert_reads(disk, end - 9001, data, 1);
	assert_reads(disk, end - 9000, zeros, 8001);
	assert_reads(disk, end - 999, data + 8002, 190);
	assert_gmi_ok(gmi_disk_zero(disk, end - 900, 3, &err), &err);
	assert_reads(disk, end - 900, zeros, 3);
	assert_reads(disk, end - 897, data + 8104, 50);
	/* Of what is discarded only the neighbours are promised. */
	assert_gmi_ok(gmi_disk_write(disk, 0, data, 8192, &err), &err);
	assert_gmi_ok(gmi_disk_discard(disk, 100, 7000, &err), &err);
	assert_reads(disk, 0, data, 100);
	assert_reads(disk, 7100, data + 7100, 1092);
	assert_gmi_ok(gmi_disk_flush(disk, &err), &err);
	gmi_disk_drop_cache(disk);
	assert_reads(disk, 7100, data + 7100, 1092);
}

static void an_image_file_works_past_four_gib(void **state)
{
	struct gmi_disk *disk;

	(void)state;
	storage_make_file("image", FAR + 1000);
	disk = storage_open("image", true);
	exercise(disk, FAR + 1000);
	assert_int_equal(disk->sector_length, 512);
	assert_true(blocks_of("image") < 1 << 20);
	gmi_disk_close(disk);
}

static void a_memory_disk_works(void **state)
{
	struct gmi_disk *disk;
	struct gmi_error err;

	(void)state;
	assert_gmi_ok(gmi_memory_disk_new(&disk, "ram", 100001, NULL, &err), &err);
	exercise(disk, 100001);
	gmi_disk_close(disk);
}

static void a_block_device_works(void **state)
{
	struct storage_loop loop;
	struct gmi_disk *disk;

	(void)state;
	storage_make_file("image", 3 << 20);
	storage_loop_attach(&loop, "image", 512);
	disk = storage_loop_open(&loop, true);
	exercise(disk, 3 << 20);
	gmi_disk_close(disk);
	storage_loop_detach(&loop);
}

static void zeroed_and_discarded_space_of_an_image_is_given_back(void **state)
{
	uint8_t *data = calloc(1 << 20, 1);
	struct gmi_disk *disk;
	struct gmi_error err;

	(void)state;
	memset(data, 1, 1 << 20);
	storage_make_file("image", 4 << 20);
	disk = storage_open("image", true);
	assert_gmi_ok(gmi_disk_write(disk, 0, data, 1 << 20, &err), &err);
	assert_gmi_ok(gmi_disk_write(disk, 1 << 20, data, 1 << 20, &err), &err);
	assert_true(blocks_of("image") >= 2 << 20);
	assert_gmi_ok(gmi_disk_zero(disk, 0, 1 << 20, &err), &err);
	assert_gmi_ok(gmi_disk_discard(disk, 1 << 20, 1 << 20, &err), &err);
	assert_int_equal(blocks_of("image"), 0);
	assert_int_equal(disk->length, 4 << 20);
	gmi_disk_close(disk);
	free(data);
}

static void what_lies_beyond_the_end_is_refused(void **state)
{
	/* Offset and length, the last ones with a sum that wraps. */
	static const uint64_t ranges[][2] = { { 4096, 1 }, { 4095, 2 },       { 0, 4097 },
					      { 5000, 0 }, { UINT64_MAX, 2 }, { 1, UINT64_MAX } };
	struct gmi_disk *disk;
	struct gmi_error err;

	(void)state;
	assert_gmi_ok(gmi_memory_disk_new(&disk, "ram", 4096, NULL, &err), &err);
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		assert_int_equal(gmi_disk_zero(disk, ranges[i][0], ranges[i][1], &err), -1);
		assert_int_equal(err.code, GMI_E_LAYOUT);
		assert_int_equal(gmi_disk_discard(disk, ranges[i][0], ranges[i][1], &err), -1);
		assert_int_equal(
			gmi_disk_read(disk, ranges[i][0], NULL, (size_t)ranges[i][1], &err), -1);
		assert_int_equal(
			gmi_disk_write(disk, ranges[i][0], NULL, (size_t)ranges[i][1], &err), -1);
	}
	assert_gmi_ok(gmi_disk_zero(disk, 4096, 0, &err), &err);
	gmi_disk_close(disk);
}

static void assert_refused(const char *path, enum gmi_code code, const char *words)
{
	struct gmi_disk_config config = { .name = "emmc", .path = path };
	struct gmi_disk *disk;
	struct gmi_error err;

	assert_int_equal(gmi_disk_open(&disk, &config, &err), -1);
	assert_null(disk);
	assert_int_equal(err.code, code);
	if (!strstr(err.message, "disk emmc") || !strstr(err.message, words))
		fail_msg("\"%s\" does not name disk emmc and \"%s\"", err.message, words);
}

static void a_disk_that_cannot_be_one_is_named(void **state)
{
	(void)state;
	assert_refused(storage_path("nowhere"), GMI_E_LAYOUT, "is missing");
	assert_refused(storage_path("nowhere/at/all"), GMI_E_LAYOUT, "is missing");
	assert_refused("/dev/null", GMI_E_LAYOUT,
		       "neither a block device nor raw flash nor an image file");
	assert_refused(storage_scratch(), GMI_E_LAYOUT,
		       "neither a block device nor raw flash nor an image file");
	storage_make_file("empty", 0);
	assert_refused(storage_path("empty"), GMI_E_LAYOUT, "is empty");
	storage_shell("mkfifo pipe");
	assert_refused(storage_path("pipe"), GMI_E_LAYOUT,
		       "neither a block device nor raw flash nor an image file");
}

static void readers_share_a_disk_and_a_writer_has_it_alone(void **state)
{
	struct gmi_disk_config config = { .name = "emmc" };
	struct gmi_disk *first;
	struct gmi_disk *second;
	struct gmi_error err;

	(void)state;
	storage_make_file("image", 4096);
	config.path = storage_path("image");
	first = storage_open("image", false);
	second = storage_open("image", false);
	gmi_disk_close(second);
	config.alone = true;
	assert_int_equal(gmi_disk_open(&second, &config, &err), -1);
	assert_int_equal(err.code, GMI_E_JOB_RUNS);
	config.alone = false;
	config.writable = true;
	assert_int_equal(gmi_disk_open(&second, &config, &err), -1);
	assert_int_equal(err.code, GMI_E_JOB_RUNS);
	gmi_disk_close(first);
	assert_gmi_ok(gmi_disk_open(&first, &config, &err), &err);
	config.writable = false;
	assert_int_equal(gmi_disk_open(&second, &config, &err), -1);
	assert_int_equal(err.code, GMI_E_JOB_RUNS);
	gmi_disk_close(first);
}

static void a_disk_that_shrinks_under_us_says_where_it_ends(void **state)
{
	uint8_t data[4096];
	struct gmi_disk *disk;
	struct gmi_error err;

	(void)state;
	storage_make_file("image", 8192);
	disk = storage_open("image", false);
	storage_shell("truncate -s 5000 image");
	assert_int_equal(gmi_disk_read(disk, 4096, data, sizeof(data), &err), -1);
	assert_int_equal(err.code, GMI_E_SYSTEM);
	assert_non_null(strstr(err.message, "ends at byte 5000"));
	gmi_disk_close(disk);
}

static void a_region_is_a_source_of_its_bytes(void **state)
{
	struct gmi_region_source region;
	struct gmi_disk *disk;
	struct gmi_error err;
	uint8_t *bytes;
	uint8_t got[3];

	(void)state;
	assert_gmi_ok(gmi_memory_disk_new(&disk, "ram", 4096, &bytes, &err), &err);
	memcpy(bytes + 1000, "abcdef", 6);
	gmi_region_source_init(&region, disk, 1000, 6);
	assert_int_equal(region.source.length, 6);
	assert_gmi_ok(gmi_source_read(&region.source, 2, got, 3, &err), &err);
	assert_memory_equal(got, "cde", 3);
	gmi_disk_close(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_image_file_works_past_four_gib),
		cmocka_unit_test(a_memory_disk_works),
		cmocka_unit_test(a_block_device_works),
		cmocka_unit_test(zeroed_and_discarded_space_of_an_image_is_given_back),
		cmocka_unit_test(what_lies_beyond_the_end_is_refused),
		cmocka_unit_test(a_disk_that_cannot_be_one_is_named),
		cmocka_unit_test(readers_share_a_disk_and_a_writer_has_it_alone),
		cmocka_unit_test(a_disk_that_shrinks_under_us_says_where_it_ends),
		cmocka_unit_test(a_region_is_a_source_of_its_bytes),
	};

	return cmocka_run_group_tests_name("storage/disk", tests, NULL, NULL);
}
