/* The restore engine, from files in memory onto disks in memory that count what is written. */
#include "../unit.h"

#include "format/reader.h"
#include "restore/restore.h"
#include "support/device_memory.h"
#include "support/storage_scratch.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define MIB (1ULL << 20)
#define EMMC (3 * MIB)
#define FLASH (300000ULL)
#define CHUNK 65536u

struct bench {
	struct device_memory memory;
	struct storage_random random;
	struct gmi_memory_sink file;
	struct gmi_memory_source source;
	uint8_t *then[DEVICE_MEMORY_DISKS]; /* the disks at the backup */
	struct gmi_layout layout;           /* at the backup */
	struct gmi_restore *restore;
};

static void bench_begin(struct bench *bench, uint64_t seed)
{
	struct device_memory *memory = &bench->memory;
	struct gmi_error err;

	memset(bench, 0, sizeof(*bench));
	bench->random.state = seed;
	device_memory_begin(memory, EMMC, FLASH);
	device_memory_fill(memory, &bench->random);
	device_memory_backup(memory, 2, CHUNK, &bench->file);
	gmi_memory_source_init(&bench->source, bench->file.data, bench->file.length);
	assert_gmi_ok(gmi_layout_scan(&bench->layout, memory->device.disks, 2, GMI_SCAN_USED, &err),
		      &err);
	for (size_t i = 0; i < DEVICE_MEMORY_DISKS; i++) {
		bench->then[i] = malloc(memory->device.disks[i]->length);
		memcpy(bench->then[i], memory->bytes[i], memory->device.disks[i]->length);
	}
}

static void bench_end(struct bench *bench)
{
	gmi_restore_free(bench->restore);
	gmi_layout_release(&bench->layout);
	for (size_t i = 0; i < DEVICE_MEMORY_DISKS; i++)
		free(bench->then[i]);
	gmi_memory_sink_release(&bench->file);
	device_memory_end(&bench->memory);
}

static int open_file(struct bench *bench, struct gmi_error *err)
{
	struct gmi_restore_options options = { .workers = 3 };

	gmi_restore_free(bench->restore);
	return gmi_restore_open(&bench->restore, &bench->source.source, &bench->memory.device,
				&options, &bench->memory.report, err);
}

/* All of a restore. */
static int run(struct bench *bench, struct gmi_error *err)
{
	if (open_file(bench, err) < 0 || gmi_restore_compare(bench->restore, err) < 0 ||
	    gmi_restore_write(bench->restore, err) < 0)
		return -1;
	return gmi_restore_verify(bench->restore, err);
}

/* What a life of some months makes of the disks: here and there, or everywhere, or a new table. */
static void change(struct bench *bench)
{
	for (size_t i = 0; i < DEVICE_MEMORY_DISKS; i++) {
		uint8_t *bytes = bench->memory.bytes[i];
		uint64_t length = bench->memory.device.disks[i]->length;

		for (uint64_t left = storage_random_below(&bench->random, 20); left > 0; left--) {
			uint64_t at = storage_random_below(&bench->random, length);
			uint64_t run = 1 + storage_random_below(&bench->random, 5000);

			storage_random_fill(&bench->random, bytes + at,
					    run < length - at ? run : length - at);
		}
		switch (storage_random_below(&bench->random, 6)) {
		case 0:
			memset(bytes, 0, length);
			break;
		case 1:
			memset(bytes, 0xff, length);
			break;
		default:
			break;
		}
	}
	if (storage_random_below(&bench->random, 4) == 0)
		device_memory_fill(&bench->memory, &bench->random);
}

/* Bytes under the used maps of the backup that differ from then. */
static uint64_t differing_bytes(const struct bench *bench)
{
	uint64_t differing = 0;

	for (uint32_t i = 0; i < bench->layout.count; i++) {
		const struct gmi_volume *volume = &bench->layout.volumes[i];
		const uint8_t *then = bench->then[volume->disk] + volume->offset;
		const uint8_t *now = bench->memory.bytes[volume->disk] + volume->offset;

		for (size_t j = 0; j < volume->used.count; j++) {
			const struct gmi_extent *extent = &volume->used.list[j];

			differing += memcmp(then + extent->offset, now + extent->offset,
					    extent->length) != 0;
		}
	}
	return differing;
}

static void any_device_comes_back_under_its_used_maps(void **state)
{
	struct gmi_restore_summary summary;
	struct bench bench;
	struct gmi_error err;

	(void)state;
	for (uint64_t seed = 1; seed <= 18; seed++) {
		unsigned int changes;

		bench_begin(&bench, seed);
		change(&bench);
		assert_gmi_ok(run(&bench, &err), &err);
		if (differing_bytes(&bench) > 0)
			fail_msg("seed %llu: the device is not as it was",
				 (unsigned long long)seed);
		summary = gmi_restore_summary(bench.restore);
		assert_int_equal(summary.bytes_verified, summary.bytes_changed);
		assert_true(summary.bytes_written + summary.bytes_zeroed >= summary.bytes_changed);

		/* Once more: nothing is left to do. */
		changes = device_memory_changes(&bench.memory);
		assert_gmi_ok(run(&bench, &err), &err);
		assert_int_equal(device_memory_changes(&bench.memory), changes);
		assert_false(gmi_restore_is_touched(bench.restore));
		bench_end(&bench);
	}
}

/* 1 for each byte of a disk that a layout's used maps hold. */
static uint8_t *used_bytes(const struct gmi_layout *layout, uint32_t disk, uint64_t length)
{
	uint8_t *used = calloc(length, 1);

	for (uint32_t i = 0; i < layout->count; i++) {
		const struct gmi_volume *volume = &layout->volumes[i];

		for (size_t j = 0; volume->disk == disk && j < volume->used.count; j++)
			memset(used + volume->offset + volume->used.list[j].offset, 1,
			       volume->used.list[j].length);
	}
	return used;
}

/* What was made since the backup is really gone, not only out of sight. */
static void what_became_used_since_is_discarded(void **state)
{
	struct gmi_layout today;
	struct bench bench;
	struct gmi_error err;
	uint64_t stale = 0;

	(void)state;
	bench_begin(&bench, 103);
	device_memory_fill(&bench.memory, &bench.random);
	assert_gmi_ok(gmi_layout_scan(&today, bench.memory.device.disks, 2, GMI_SCAN_USED, &err),
		      &err);
	for (uint32_t disk = 0; disk < DEVICE_MEMORY_DISKS; disk++) {
		uint64_t length = bench.memory.device.disks[disk]->length;
		uint8_t *now = used_bytes(&today, disk, length);
		uint8_t *then = used_bytes(&bench.layout, disk, length);

		for (uint64_t at = 0; at < length; at++)
			stale += now[at] && !then[at];
		free(now);
		free(then);
	}
	assert_true(stale > 0);
	assert_gmi_ok(run(&bench, &err), &err);
	assert_int_equal(gmi_restore_summary(bench.restore).bytes_discarded, stale);
	assert_int_equal(differing_bytes(&bench), 0);
	gmi_layout_release(&today);
	bench_end(&bench);
}

static void an_unchanged_device_is_not_written_to(void **state)
{
	struct gmi_restore_summary summary;
	struct bench bench;
	struct gmi_error err;

	(void)state;
	for (uint64_t seed = 100; seed < 105; seed++) {
		bench_begin(&bench, seed);
		assert_gmi_ok(run(&bench, &err), &err);
		summary = gmi_restore_summary(bench.restore);
		assert_int_equal(device_memory_changes(&bench.memory), 0);
		assert_int_equal(summary.bytes_changed, 0);
		assert_int_equal(summary.bytes_moved, 0);
		assert_int_equal(summary.bytes_discarded, 0);
		assert_true(summary.bytes_compared > 0);
		assert_false(gmi_restore_is_touched(bench.restore));
		bench_end(&bench);
	}
}

/* Everything differs from the backup, so every chunk is needed. */
static void spoil(struct bench *bench)
{
	for (size_t i = 0; i < DEVICE_MEMORY_DISKS; i++)
		memset(bench->memory.bytes[i], 0x5a, bench->memory.device.disks[i]->length);
}

/* A restore of a damaged file: refused with nothing written, or exact. True if it was refused. */
static bool is_refused_or_exact(struct bench *bench)
{
	unsigned int changes = device_memory_changes(&bench->memory);
	struct gmi_error err;

	if (run(bench, &err) == 0) {
		assert_int_equal(differing_bytes(bench), 0);
		spoil(bench);
		return false;
	}
	assert_true(err.code == GMI_E_DAMAGED || err.code == GMI_E_NOT_GMI);
	assert_int_equal(device_memory_changes(&bench->memory), changes);
	assert_false(bench->restore && gmi_restore_is_touched(bench->restore));
	return true;
}

static void damage_in_the_file_is_found_before_the_first_write(void **state)
{
	unsigned int exact = 0;
	struct bench bench;

	(void)state;
	bench_begin(&bench, 200);
	spoil(&bench);
	for (unsigned int round = 0; round < 60; round++) {
		size_t at = storage_random_below(&bench.random, bench.file.length);

		bench.file.data[at] ^= (uint8_t)(1U << round % 8);
		exact += !is_refused_or_exact(&bench);
		bench.file.data[at] ^= (uint8_t)(1U << round % 8);
	}
	/* Only frames of zeros are not fetched, and those are few bytes. */
	assert_in_range(exact, 0, 3);
	for (unsigned int round = 0; round < 60; round++) {
		bench.source.source.length = storage_random_below(&bench.random, bench.file.length);
		assert_true(is_refused_or_exact(&bench));
	}
	bench_end(&bench);
}

static void a_disk_that_lies_is_found_by_reading_back(void **state)
{
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench, 201);
	memset(bench.memory.bytes[1], 0, FLASH);
	bench.memory.disks[1]->lies = true;
	assert_int_equal(run(&bench, &err), -1);
	assert_int_equal(err.code, GMI_E_VERIFY);
	assert_non_null(strstr(err.message, "volume flash, chunk"));
	assert_non_null(strstr(err.message, "the storage is failing"));
	assert_true(gmi_restore_is_touched(bench.restore));
	/* The same restore repeated, on a disk that works again, goes on. */
	bench.memory.disks[1]->lies = false;
	assert_gmi_ok(run(&bench, &err), &err);
	assert_int_equal(differing_bytes(&bench), 0);
	bench_end(&bench);
}

static void a_disk_that_fails_to_write_can_be_restored_again(void **state)
{
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench, 202);
	for (unsigned int changes = 0; changes < 30; changes += 3) {
		memset(bench.memory.bytes[0], 0xee, EMMC);
		bench.memory.disks[0]->changes_left =
			atomic_load(&bench.memory.disks[0]->changes) + changes;
		assert_int_equal(run(&bench, &err), -1);
		assert_int_equal(err.code, GMI_E_SYSTEM);
		assert_non_null(strstr(err.message, "disk emmc"));
		bench.memory.disks[0]->changes_left = UINT_MAX;
		assert_gmi_ok(run(&bench, &err), &err);
		assert_int_equal(differing_bytes(&bench), 0);
	}
	bench_end(&bench);
}

static void what_was_written_is_flushed_before_it_is_read_back(void **state)
{
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench, 203);
	bench.memory.bytes[1][5] ^= 1;
	assert_gmi_ok(open_file(&bench, &err), &err);
	assert_gmi_ok(gmi_restore_compare(bench.restore, &err), &err);
	assert_int_equal(atomic_load(&bench.memory.disks[1]->flushes), 0);
	assert_gmi_ok(gmi_restore_write(bench.restore, &err), &err);
	assert_int_equal(atomic_load(&bench.memory.disks[1]->flushes), 1);
	bench_end(&bench);
}

static void expect_refusal(struct bench *bench, enum gmi_code code, const char *words)
{
	struct gmi_error err;

	assert_int_equal(open_file(bench, &err), -1);
	assert_null(bench->restore);
	assert_int_equal(err.code, code);
	if (!strstr(err.message, words))
		fail_msg("\"%s\" does not say \"%s\"", err.message, words);
	assert_int_equal(device_memory_changes(&bench->memory), 0);
}

static void another_device_is_refused_by_both_names(void **state)
{
	struct bench bench;

	(void)state;
	bench_begin(&bench, 204);
	strcpy(bench.memory.device.identity.id, "bb2241040");
	expect_refusal(&bench, GMI_E_WRONG_DEVICE,
		       "a backup of device bb2241039, but this device is bb2241040");
	bench_end(&bench);
}

static void disks_that_do_not_fit_are_refused(void **state)
{
	struct gmi_disk *emmc;
	struct gmi_disk *flash;
	struct bench bench;

	(void)state;
	bench_begin(&bench, 205);
	emmc = bench.memory.device.disks[0];
	flash = bench.memory.device.disks[1];

	emmc->length--;
	expect_refusal(&bench, GMI_E_LAYOUT,
		       "disk emmc (memory) is too small: it has 3145727 bytes");
	emmc->length++;
	emmc->sector_length = 4096;
	expect_refusal(&bench, GMI_E_LAYOUT,
		       "has sectors of 4096 bytes, the backup's disk had 512");
	emmc->sector_length = 512;
	flash->flash = false;
	expect_refusal(&bench, GMI_E_LAYOUT,
		       "disk flash is raw flash in the backup but a block device on this device");
	flash->flash = true;
	bench.memory.device.disk_count = 1;
	expect_refusal(&bench, GMI_E_LAYOUT, "a disk flash, which this device does not have");
	bench.memory.device.disk_count = 2;
	strcpy(flash->name, "nor");
	expect_refusal(&bench, GMI_E_LAYOUT, "a disk flash, which this device does not have");
	strcpy(flash->name, "flash");
	bench.memory.device.disks[2] = bench.memory.device.disks[1];
	bench.memory.device.disks[1] = bench.memory.device.disks[0];
	bench.memory.device.disk_count = 3;
	strcpy(emmc->name, "sd");
	expect_refusal(&bench, GMI_E_LAYOUT, "a disk emmc, which this device does not have");
	bench.memory.device.disks[1] = flash;
	bench.memory.device.disk_count = 2;
	bench_end(&bench);
}

static void a_disk_that_the_backup_lacks_is_refused(void **state)
{
	struct gmi_memory_sink file;
	struct bench bench;

	(void)state;
	bench_begin(&bench, 206);
	bench.memory.device.disk_count = 1;
	device_memory_backup(&bench.memory, 1, CHUNK, &file);
	gmi_memory_source_init(&bench.source, file.data, file.length);
	bench.memory.device.disk_count = 2;
	expect_refusal(&bench, GMI_E_LAYOUT, "this device's disk flash is not in the backup");
	gmi_memory_sink_release(&file);
	bench_end(&bench);
}

/* The disks' order in the profile may change between backup and restore. */
static void disks_are_found_by_name(void **state)
{
	struct gmi_disk *emmc;
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench, 207);
	change(&bench);
	bench.memory.bytes[1][0] ^= 1;
	emmc = bench.memory.device.disks[0];
	bench.memory.device.disks[0] = bench.memory.device.disks[1];
	bench.memory.device.disks[1] = emmc;
	assert_gmi_ok(run(&bench, &err), &err);
	assert_int_equal(differing_bytes(&bench), 0);
	bench_end(&bench);
}

static void what_a_larger_disk_has_more_is_left_alone(void **state)
{
	struct device_memory larger;
	struct bench bench;
	struct gmi_error err;
	struct gmi_restore *restore;
	struct gmi_restore_options options = { 0 };

	(void)state;
	bench_begin(&bench, 208);
	device_memory_begin(&larger, EMMC + 100000, FLASH);
	memset(larger.bytes[0], 0x77, EMMC + 100000);
	assert_gmi_ok(gmi_restore_open(&restore, &bench.source.source, &larger.device, &options,
				       &larger.report, &err),
		      &err);
	assert_gmi_ok(gmi_restore_compare(restore, &err), &err);
	assert_gmi_ok(gmi_restore_write(restore, &err), &err);
	assert_gmi_ok(gmi_restore_verify(restore, &err), &err);
	gmi_restore_free(restore);
	for (size_t i = 0; i < 100000; i++)
		assert_int_equal(larger.bytes[0][EMMC + i], 0x77);
	assert_memory_equal(larger.bytes[1], bench.then[1], FLASH);
	device_memory_end(&larger);
	bench_end(&bench);
}

static void a_rehearsal_lists_what_would_change_and_writes_nothing(void **state)
{
	struct gmi_restore_summary summary;
	struct gmi_restore_change change_of;
	struct bench bench;
	struct gmi_error err;
	uint64_t changed = 0;
	uint32_t count = 0;

	(void)state;
	bench_begin(&bench, 209);
	bench.memory.bytes[1][FLASH - 1] ^= 1;
	bench.memory.bytes[0][0] ^= 1;
	/* As gmi restore --dry-run opens them. */
	bench.memory.device.disks[0]->writable = bench.memory.device.disks[1]->writable = false;
	assert_gmi_ok(open_file(&bench, &err), &err);
	assert_gmi_ok(gmi_restore_compare(bench.restore, &err), &err);
	for (; gmi_restore_change(bench.restore, count, &change_of); count++) {
		assert_string_equal(change_of.volume, bench.layout.volumes[count].name);
		changed += change_of.bytes_changed;
		if (strcmp(change_of.volume, "flash") == 0) {
			assert_int_equal(change_of.chunks_changed, 1);
			assert_int_equal(change_of.bytes_changed, FLASH % CHUNK);
		}
	}
	summary = gmi_restore_summary(bench.restore);
	assert_int_equal(count, bench.layout.count);
	assert_int_equal(changed, summary.bytes_changed);
	assert_true(summary.bytes_moved > 0);
	assert_int_equal(device_memory_changes(&bench.memory), 0);
	assert_false(gmi_restore_is_touched(bench.restore));
	bench_end(&bench);
}

static void a_cancelled_comparison_writes_nothing(void **state)
{
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench, 210);
	bench.memory.bytes[1][0] ^= 1;
	assert_gmi_ok(open_file(&bench, &err), &err);
	gmi_restore_cancel(bench.restore);
	assert_int_equal(gmi_restore_compare(bench.restore, &err), -1);
	assert_int_equal(err.code, GMI_E_CANCELLED);
	assert_gmi_ok(open_file(&bench, &err), &err);
	assert_gmi_ok(gmi_restore_compare(bench.restore, &err), &err);
	gmi_restore_cancel(bench.restore);
	assert_int_equal(gmi_restore_write(bench.restore, &err), -1);
	assert_int_equal(err.code, GMI_E_CANCELLED);
	assert_int_equal(device_memory_changes(&bench.memory), 0);
	bench_end(&bench);
}

static void cancel_now(void *restore)
{
	gmi_restore_cancel(restore);
}

static void a_restore_that_has_begun_to_write_goes_to_its_end(void **state)
{
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench, 211);
	memset(bench.memory.bytes[0], 0, EMMC);
	assert_gmi_ok(open_file(&bench, &err), &err);
	assert_gmi_ok(gmi_restore_compare(bench.restore, &err), &err);
	bench.memory.disks[0]->on_change = cancel_now;
	bench.memory.disks[0]->context = bench.restore;
	assert_gmi_ok(gmi_restore_write(bench.restore, &err), &err);
	assert_gmi_ok(gmi_restore_verify(bench.restore, &err), &err);
	assert_int_equal(differing_bytes(&bench), 0);
	bench_end(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_device_comes_back_under_its_used_maps),
		cmocka_unit_test(what_became_used_since_is_discarded),
		cmocka_unit_test(an_unchanged_device_is_not_written_to),
		cmocka_unit_test(damage_in_the_file_is_found_before_the_first_write),
		cmocka_unit_test(a_disk_that_lies_is_found_by_reading_back),
		cmocka_unit_test(a_disk_that_fails_to_write_can_be_restored_again),
		cmocka_unit_test(what_was_written_is_flushed_before_it_is_read_back),
		cmocka_unit_test(another_device_is_refused_by_both_names),
		cmocka_unit_test(disks_that_do_not_fit_are_refused),
		cmocka_unit_test(a_disk_that_the_backup_lacks_is_refused),
		cmocka_unit_test(disks_are_found_by_name),
		cmocka_unit_test(what_a_larger_disk_has_more_is_left_alone),
		cmocka_unit_test(a_rehearsal_lists_what_would_change_and_writes_nothing),
		cmocka_unit_test(a_cancelled_comparison_writes_nothing),
		cmocka_unit_test(a_restore_that_has_begun_to_write_goes_to_its_end),
	};

	return cmocka_run_group_tests_name("restore/restore", tests, NULL, NULL);
}
