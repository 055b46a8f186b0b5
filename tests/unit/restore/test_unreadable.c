/* Backups of disks with bad places, and what their restore leaves alone. */
#include "../unit.h"

#include "format/reader.h"
#include "format/verify.h"
#include "restore/restore.h"
#include "support/device_memory.h"
#include "support/storage_scratch.h"

#include <stdlib.h>
#include <string.h>

#define MIB (1ULL << 20)
#define EMMC (3 * MIB)
#define FLASH (300000ULL)
#define CHUNK 65536u
#define PIECE 4096u

struct bench {
	struct device_memory memory;
	struct storage_random random;
	struct gmi_extents bad[DEVICE_MEMORY_DISKS];
	uint8_t *then[DEVICE_MEMORY_DISKS]; /* at the backup */
	uint8_t *now[DEVICE_MEMORY_DISKS];  /* before the restore */
	struct gmi_memory_sink file;
	struct gmi_memory_source source;
	struct gmi_reader *reader;
	struct gmi_restore_summary summary;
};

static uint64_t length_of(const struct bench *bench, uint32_t disk)
{
	return bench->memory.device.disks[disk]->length;
}

/* Some bad sectors, and at times a bad stretch of several chunks. */
static void make_bad_places(struct bench *bench, uint32_t disk)
{
	uint64_t length = length_of(bench, disk);
	struct gmi_error err;

	for (uint64_t at = storage_random_below(&bench->random, length / 4); at < length;) {
		bool wide = storage_random_below(&bench->random, 4) == 0;
		uint64_t part = wide ? storage_random_below(&bench->random, 4 * CHUNK) + 1 : 512;

		part = part < length - at ? part : length - at;
		assert_gmi_ok(gmi_extents_append(&bench->bad[disk], at, part, &err), &err);
		at += part + 1 + storage_random_below(&bench->random, length / 5);
	}
}

static uint8_t *copy_of(const struct bench *bench, uint32_t disk)
{
	uint8_t *copy = malloc(length_of(bench, disk));

	assert_non_null(copy);
	memcpy(copy, bench->memory.bytes[disk], length_of(bench, disk));
	return copy;
}

static void bench_begin(struct bench *bench, uint64_t seed)
{
	struct device_memory *memory = &bench->memory;
	struct gmi_error err;

	memset(bench, 0, sizeof(*bench));
	bench->random.state = seed;
	device_memory_begin(memory, EMMC, FLASH);
	device_memory_fill(memory, &bench->random);
	for (uint32_t i = 0; i < DEVICE_MEMORY_DISKS; i++) {
		make_bad_places(bench, i);
		memory->disks[i]->bad = &bench->bad[i];
		bench->then[i] = copy_of(bench, i);
	}
	memory->keep_going = true;
	device_memory_backup(memory, 3, CHUNK, &bench->file);
	gmi_memory_source_init(&bench->source, bench->file.data, bench->file.length);
	assert_gmi_ok(gmi_reader_open(&bench->reader, &bench->source.source, &err), &err);
}

static void bench_end(struct bench *bench)
{
	for (uint32_t i = 0; i < DEVICE_MEMORY_DISKS; i++) {
		gmi_extents_release(&bench->bad[i]);
		free(bench->then[i]);
		free(bench->now[i]);
	}
	gmi_reader_free(bench->reader);
	gmi_memory_sink_release(&bench->file);
	device_memory_end(&bench->memory);
}

/* The disks are whole again, as new ones would be. */
static void replace_disks(struct bench *bench)
{
	for (uint32_t i = 0; i < DEVICE_MEMORY_DISKS; i++)
		bench->memory.disks[i]->bad = NULL;
}

static void change(struct bench *bench)
{
	for (uint32_t i = 0; i < DEVICE_MEMORY_DISKS; i++) {
		for (int left = 40; left > 0; left--) {
			uint64_t at =
				storage_random_below(&bench->random, length_of(bench, i) - 5000);

			storage_random_fill(&bench->random, bench->memory.bytes[i] + at, 5000);
		}
	}
}

static void restore(struct bench *bench)
{
	struct gmi_restore_options options = { .workers = 3 };
	struct gmi_restore *engine;
	struct gmi_error err;

	for (uint32_t i = 0; i < DEVICE_MEMORY_DISKS; i++)
		bench->now[i] = copy_of(bench, i);
	assert_gmi_ok(gmi_restore_open(&engine, &bench->source.source, &bench->memory.device,
				       &options, &bench->memory.report, &err),
		      &err);
	assert_gmi_ok(gmi_restore_compare(engine, &err), &err);
	assert_gmi_ok(gmi_restore_write(engine, &err), &err);
	assert_gmi_ok(gmi_restore_verify(engine, &err), &err);
	bench->summary = gmi_restore_summary(engine);
	gmi_restore_free(engine);
}

/* Every extent of every volume is as in `disks`. */
static void assert_extents_are(const struct bench *bench,
			       const struct gmi_extents *(*of)(const struct gmi_index *, uint32_t),
			       uint8_t *const *disks)
{
	const struct gmi_manifest *manifest = gmi_reader_manifest(bench->reader);

	for (uint32_t i = 0; i < manifest->volume_count; i++) {
		const struct gmi_manifest_volume *volume = &manifest->volumes[i];
		const struct gmi_extents *extents = of(gmi_reader_index(bench->reader), i);

		for (size_t j = 0; j < extents->count; j++) {
			uint64_t at = volume->offset + extents->list[j].offset;

			assert_memory_equal(bench->memory.bytes[volume->disk] + at,
					    disks[volume->disk] + at, extents->list[j].length);
		}
	}
}

static bool said(struct bench *bench, const char *words)
{
	struct gmi_report_line line;

	for (uint32_t i = 0; gmi_report_line(&bench->memory.report, i, &line); i++) {
		if (strstr(line.text, words))
			return true;
	}
	return false;
}

static void what_could_not_be_read_is_listed_and_nothing_else(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 8; seed++) {
		const struct gmi_manifest *manifest;
		struct bench bench;
		struct gmi_error err;

		bench_begin(&bench, seed);
		manifest = gmi_reader_manifest(bench.reader);
		assert_gmi_ok(gmi_verify(bench.reader, 2, NULL, &err), &err);
		for (uint32_t i = 0; i < manifest->volume_count; i++) {
			const struct gmi_manifest_volume *volume = &manifest->volumes[i];
			const struct gmi_extents *bad = &bench.bad[volume->disk];
			const struct gmi_extents *lost =
				gmi_index_unreadable(gmi_reader_index(bench.reader), i);
			const struct gmi_extents *used =
				gmi_index_used(gmi_reader_index(bench.reader), i);

			for (size_t j = 0; j < used->count; j++)
				assert_false(gmi_extents_touch(
					bad, volume->offset + used->list[j].offset,
					used->list[j].length));
			for (size_t j = 0; j < lost->count; j++)
				assert_true(gmi_extents_touch(bad,
							      volume->offset + lost->list[j].offset,
							      lost->list[j].length));
			assert_int_equal(gmi_extents_total(used) + gmi_extents_total(lost),
					 volume->used);
		}
		assert_true(said(&bench, "Cannot be read: "));
		bench_end(&bench);
	}
}

static void a_restore_leaves_those_places_as_they_are(void **state)
{
	(void)state;
	for (uint64_t seed = 20; seed < 32; seed++) {
		struct bench bench;

		bench_begin(&bench, seed);
		replace_disks(&bench);
		change(&bench);
		restore(&bench);
		assert_extents_are(&bench, gmi_index_used, bench.then);
		assert_extents_are(&bench, gmi_index_unreadable, bench.now);
		assert_int_equal(bench.summary.bytes_unreadable,
				 gmi_index_unreadable_total(gmi_reader_index(bench.reader)));
		assert_true(
			said(&bench, "could not be read at the backup and are left as they are"));
		assert_true(said(&bench, "that could not be read then"));
		bench_end(&bench);
	}
}

/* A new disk full of something: what is stale there is discarded, but nothing of those places. */
static void a_disk_that_is_in_use_everywhere_keeps_those_places(void **state)
{
	uint64_t discarded = 0;

	(void)state;
	for (uint64_t seed = 40; seed < 46; seed++) {
		struct bench bench;

		bench_begin(&bench, seed);
		replace_disks(&bench);
		for (uint32_t i = 0; i < DEVICE_MEMORY_DISKS; i++)
			memset(bench.memory.bytes[i], 0x55, length_of(&bench, i));
		restore(&bench);
		discarded += bench.summary.bytes_discarded;
		assert_extents_are(&bench, gmi_index_used, bench.then);
		assert_extents_are(&bench, gmi_index_unreadable, bench.now);
		bench_end(&bench);
	}
	assert_true(discarded > 0);
}

/* The disk that gave the file still fails in the same places: they are not even looked at. */
static void the_failing_disk_itself_can_be_restored(void **state)
{
	(void)state;
	for (uint64_t seed = 50; seed < 56; seed++) {
		struct bench bench;

		bench_begin(&bench, seed);
		change(&bench);
		restore(&bench);
		assert_extents_are(&bench, gmi_index_used, bench.then);
		assert_extents_are(&bench, gmi_index_unreadable, bench.now);
		bench_end(&bench);
	}
}

/* Whoever reads the log of a disk with thousands of bad places wants to know that, not each. */
static void many_places_have_few_lines(void **state)
{
	struct gmi_report_line line;
	struct device_memory memory;
	struct gmi_memory_sink file;
	struct gmi_extents bad = GMI_EXTENTS_EMPTY;
	struct gmi_error err;
	uint32_t lines = 0;

	(void)state;
	device_memory_begin(&memory, EMMC, FLASH);
	for (uint64_t at = 0; at < FLASH; at += 2 * PIECE)
		assert_gmi_ok(gmi_extents_append(&bad, at, 1, &err), &err);
	memory.disks[1]->bad = &bad;
	memory.keep_going = true;
	device_memory_backup(&memory, 1, CHUNK, &file);
	for (uint32_t i = 0; gmi_report_line(&memory.report, i, &line); i++)
		lines += strstr(line.text, "Cannot be read: ") != NULL;
	assert_int_equal(lines, 33);
	gmi_memory_sink_release(&file);
	gmi_extents_release(&bad);
	device_memory_end(&memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_could_not_be_read_is_listed_and_nothing_else),
		cmocka_unit_test(a_restore_leaves_those_places_as_they_are),
		cmocka_unit_test(a_disk_that_is_in_use_everywhere_keeps_those_places),
		cmocka_unit_test(the_failing_disk_itself_can_be_restored),
		cmocka_unit_test(many_places_have_few_lines),
	};

	return cmocka_run_group_tests_name("restore/unreadable", tests, NULL, NULL);
}
