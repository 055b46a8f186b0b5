/* The backup engine from disks in memory to the bytes of a file. */
#include "../unit.h"

#include "backup/backup.h"
#include "backup/estimate.h"
#include "format/reader.h"
#include "format/verify.h"
#include "support/device_memory.h"
#include "support/storage_scratch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MIB (1ULL << 20)

static void begin(struct device_memory *memory, uint64_t seed)
{
	struct storage_random random = { seed };

	device_memory_begin(memory, 3 * MIB, MIB + 17);
	device_memory_fill(memory, &random);
}

static void the_same_disks_give_the_same_bytes_with_any_number_of_workers(void **state)
{
	static const unsigned int workers[] = { 2, 3, 8 };

	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct gmi_memory_sink first;
		struct device_memory memory;

		begin(&memory, seed);
		device_memory_backup(&memory, 1, 65536, &first);
		for (size_t i = 0; i < 3; i++) {
			struct gmi_memory_sink file;

			device_memory_backup(&memory, workers[i], 65536, &file);
			assert_int_equal(file.length, first.length);
			assert_memory_equal(file.data, first.data, first.length);
			gmi_memory_sink_release(&file);
		}
		gmi_memory_sink_release(&first);
		device_memory_end(&memory);
	}
}

static void what_it_writes_is_a_sound_file_of_this_device(void **state)
{
	struct gmi_memory_source source;
	struct gmi_memory_sink file;
	struct device_memory memory;
	struct gmi_reader *reader;
	struct gmi_error err;

	(void)state;
	begin(&memory, 5);
	device_memory_backup(&memory, 0, 0, &file);
	gmi_memory_source_init(&source, file.data, file.length);
	assert_gmi_ok(gmi_reader_open(&reader, &source.source, &err), &err);
	assert_gmi_ok(gmi_verify(reader, 2, NULL, &err), &err);
	assert_string_equal(gmi_reader_manifest(reader)->device_id, "bb2241039");
	assert_int_equal(gmi_reader_manifest(reader)->created, 1767965024);
	assert_int_equal(gmi_reader_manifest(reader)->disk_count, 2);
	gmi_reader_free(reader);
	/* And it only read. */
	assert_int_equal(device_memory_changes(&memory), 0);
	gmi_memory_sink_release(&file);
	device_memory_end(&memory);
}

static void the_figures_add_up(void **state)
{
	struct gmi_backup_options options = { .chunk_length = 65536, .all_blocks = true };
	struct gmi_backup_summary summary;
	struct gmi_progress progress;
	struct device_memory memory;
	struct gmi_backup *backup;
	uint64_t sum = 0;
	struct gmi_error err;
	const void *data;
	size_t length;

	(void)state;
	begin(&memory, 6);
	assert_gmi_ok(gmi_backup_start(&backup, &memory.device, &options, &memory.report, &err),
		      &err);
	do {
		assert_gmi_ok(gmi_backup_next(backup, &data, &length, &err), &err);
		sum += length;
	} while (length > 0);
	assert_gmi_ok(gmi_backup_finish(backup, &data, &length, &err), &err);
	sum += length;
	summary = gmi_backup_summary(backup);
	progress = gmi_report_progress(&memory.report);
	assert_int_equal(summary.file_bytes, sum);
	assert_int_equal(summary.total_bytes, 4 * MIB + 17);
	assert_int_equal(summary.used_bytes, 4 * MIB + 17); /* --all-blocks */
	assert_int_equal(progress.phase, GMI_PHASE_READ);
	assert_int_equal(progress.done, progress.total);
	assert_int_equal(progress.total, summary.used_bytes);
	assert_int_equal(progress.moved, sum);
	gmi_backup_free(backup);
	device_memory_end(&memory);
}

static void a_bad_place_ends_it_with_the_volume_in_the_message(void **state)
{
	struct gmi_backup_options options = { .chunk_length = 65536 };
	struct device_memory memory;
	struct gmi_backup *backup;
	struct gmi_error err;
	const void *data;
	size_t length;
	int result;

	(void)state;
	begin(&memory, 7);
	memory.disks[1]->bad_from = MIB;
	memory.disks[1]->bad_to = MIB + 1;
	assert_gmi_ok(gmi_backup_start(&backup, &memory.device, &options, &memory.report, &err),
		      &err);
	do
		result = gmi_backup_next(backup, &data, &length, &err);
	while (result == 0 && length > 0);
	assert_int_equal(result, -1);
	assert_string_equal(err.message,
			    "volume flash: disk flash (memory): cannot read 17 bytes at byte "
			    "1048576: Input/output error; the storage is failing");
	gmi_backup_free(backup);
	device_memory_end(&memory);
}

static void a_fault_that_passes_is_survived(void **state)
{
	struct gmi_memory_sink wanted;
	struct gmi_memory_sink file;
	struct device_memory memory;

	(void)state;
	begin(&memory, 7);
	device_memory_backup(&memory, 2, 65536, &wanted);
	storage_counting_fault(memory.disks[0], false, 100, 101, ETIMEDOUT, 3);
	storage_counting_fault(memory.disks[0], false, MIB + 5, MIB + 6, EIO, 2);
	storage_counting_fault(memory.disks[1], false, 0, MIB, EILSEQ, 3);
	device_memory_backup(&memory, 2, 65536, &file);
	assert_int_equal(file.length, wanted.length);
	assert_memory_equal(file.data, wanted.data, file.length);
	/* They did happen. */
	assert_int_equal(atomic_load(&memory.disks[0]->faults[0].left), 0);
	assert_int_equal(atomic_load(&memory.disks[1]->faults[0].left), 0);
	gmi_memory_sink_release(&wanted);
	gmi_memory_sink_release(&file);
	device_memory_end(&memory);
}

static void it_can_be_left_at_any_time(void **state)
{
	struct gmi_backup_options options = { .chunk_length = 65536 };
	struct device_memory memory;
	struct gmi_error err;
	const void *data;
	size_t length;

	(void)state;
	begin(&memory, 8);
	for (unsigned int pieces = 0; pieces < 12; pieces++) {
		struct gmi_backup *backup;

		assert_gmi_ok(
			gmi_backup_start(&backup, &memory.device, &options, &memory.report, &err),
			&err);
		for (unsigned int i = 0; i < pieces; i++)
			assert_gmi_ok(gmi_backup_next(backup, &data, &length, &err), &err);
		gmi_backup_free(backup);
	}
	device_memory_end(&memory);
}

static void the_estimate_is_near_to_what_comes(void **state)
{
	struct gmi_estimate estimate;
	struct gmi_memory_sink file;
	struct device_memory memory;
	struct gmi_error err;

	(void)state;
	for (uint64_t seed = 20; seed < 23; seed++) {
		begin(&memory, seed);
		assert_gmi_ok(gmi_estimate_make(&estimate, &memory.device, &err), &err);
		device_memory_backup(&memory, 0, 0, &file);
		assert_int_equal(estimate.total_bytes, 4 * MIB + 17);
		assert_true(estimate.used_bytes <= estimate.total_bytes);
		/* 48 samples of a device that is random by halves: within a fifth, and 100 kB. */
		assert_in_range(estimate.file_bytes, file.length * 4 / 5 - 100000,
				file.length * 6 / 5 + 100000);
		assert_true(estimate.seconds >= 1);
		gmi_memory_sink_release(&file);
		device_memory_end(&memory);
	}
}

static void an_empty_device_has_an_estimate_too(void **state)
{
	struct gmi_estimate estimate;
	struct device_memory memory;
	struct gmi_error err;

	(void)state;
	device_memory_begin(&memory, 100, 1);
	assert_gmi_ok(gmi_estimate_make(&estimate, &memory.device, &err), &err);
	assert_int_equal(estimate.total_bytes, 101);
	assert_int_equal(estimate.used_bytes, 101);
	assert_true(estimate.seconds >= 1);
	device_memory_end(&memory);
}

static void the_file_is_called_by_device_and_local_date(void **state)
{
	char name[128];

	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	gmi_backup_file_name(name, "bb2241039", 1767965024);
	assert_string_equal(name, "backup-of-bb2241039-2026-01-09.gmi");
	setenv("TZ", "UTC-14", 1);
	tzset();
	gmi_backup_file_name(name, "bb2241039", 1767965024);
	assert_string_equal(name, "backup-of-bb2241039-2026-01-10.gmi");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_disks_give_the_same_bytes_with_any_number_of_workers),
		cmocka_unit_test(what_it_writes_is_a_sound_file_of_this_device),
		cmocka_unit_test(the_figures_add_up),
		cmocka_unit_test(a_bad_place_ends_it_with_the_volume_in_the_message),
		cmocka_unit_test(a_fault_that_passes_is_survived),
		cmocka_unit_test(it_can_be_left_at_any_time),
		cmocka_unit_test(the_estimate_is_near_to_what_comes),
		cmocka_unit_test(an_empty_device_has_an_estimate_too),
		cmocka_unit_test(the_file_is_called_by_device_and_local_date),
	};

	return cmocka_run_group_tests_name("backup/backup", tests, NULL, NULL);
}
