/* Restoring onto storage that fails: where, and what state the device is in. */
#include "../unit.h"

#include "restore/restore.h"
#include "support/device_memory.h"
#include "support/storage_scratch.h"

#include <errno.h>
#include <string.h>

#define MIB (1ULL << 20)
#define CHUNK 65536u

/* A device whose flash is to be restored from the zeros that it held to the ones that it holds. */
struct bench {
	struct device_memory memory;
	struct storage_counting *flash;
	struct gmi_memory_sink file;
	struct gmi_memory_source source;
	struct gmi_restore *restore;
};

static void bench_begin(struct bench *bench, uint64_t flash, uint32_t chunk_length)
{
	memset(bench, 0, sizeof(*bench));
	device_memory_begin(&bench->memory, CHUNK, flash);
	bench->flash = bench->memory.disks[1];
	device_memory_backup(&bench->memory, 2, chunk_length, &bench->file);
	gmi_memory_source_init(&bench->source, bench->file.data, bench->file.length);
	memset(bench->memory.bytes[1], 0xff, flash);
}

static void bench_end(struct bench *bench)
{
	gmi_restore_free(bench->restore);
	gmi_memory_sink_release(&bench->file);
	device_memory_end(&bench->memory);
}

static int run(struct bench *bench, struct gmi_error *err)
{
	struct gmi_restore_options options = { .workers = 2 };

	if (gmi_restore_open(&bench->restore, &bench->source.source, &bench->memory.device,
			     &options, &bench->memory.report, err) < 0 ||
	    gmi_restore_compare(bench->restore, err) < 0 ||
	    gmi_restore_write(bench->restore, err) < 0)
		return -1;
	return gmi_restore_verify(bench->restore, err);
}

static void a_place_that_cannot_be_written_leaves_an_incomplete_device(void **state)
{
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench, 5 * CHUNK, CHUNK);
	storage_counting_fault(bench.flash, true, 2 * CHUNK + 7, 2 * CHUNK + 8, EIO,
			       STORAGE_ALWAYS);
	assert_int_equal(run(&bench, &err), -1);
	assert_true(gmi_restore_is_touched(bench.restore));
	assert_int_equal(err.sys, EIO);
	assert_string_equal(
		err.message,
		"volume flash, chunk 2: disk flash (memory): cannot zero 65536 bytes at "
		"byte 131072: Input/output error; the storage is failing");
	bench_end(&bench);
}

/* One that works at the second try would hide that the storage is failing. */
static void a_write_that_fails_is_not_tried_again(void **state)
{
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench, 5 * CHUNK, CHUNK);
	storage_counting_fault(bench.flash, true, 2 * CHUNK, 3 * CHUNK, EIO, 1);
	assert_int_equal(run(&bench, &err), -1);
	assert_int_equal(err.sys, EIO);
	bench_end(&bench);
}

static void a_place_that_cannot_be_read_ends_the_comparison_with_nothing_written(void **state)
{
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench, 5 * CHUNK, CHUNK);
	storage_counting_fault(bench.flash, false, CHUNK + 5000, CHUNK + 5001, EIO, STORAGE_ALWAYS);
	assert_int_equal(run(&bench, &err), -1);
	assert_false(gmi_restore_is_touched(bench.restore));
	assert_int_equal(device_memory_changes(&bench.memory), 0);
	assert_string_equal(err.message,
			    "volume flash, chunk 1: disk flash (memory): cannot read 4096 bytes at "
			    "byte 69632: Input/output error; the storage is failing");
	bench_end(&bench);
}

static void a_fault_of_reading_that_passes_is_survived(void **state)
{
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench, 5 * CHUNK, CHUNK);
	storage_counting_fault(bench.flash, false, 3 * CHUNK, 4 * CHUNK, ETIMEDOUT, 3);
	assert_gmi_ok(run(&bench, &err), &err);
	bench_end(&bench);
}

static void a_long_write_is_flushed_on_its_way(void **state)
{
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench, 160 * MIB, 0);
	assert_gmi_ok(run(&bench, &err), &err);
	/* After each 64 MiB, and at the end. */
	assert_int_equal(atomic_load(&bench.flash->flushes), 3);
	bench_end(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_place_that_cannot_be_written_leaves_an_incomplete_device),
		cmocka_unit_test(a_write_that_fails_is_not_tried_again),
		cmocka_unit_test(
			a_place_that_cannot_be_read_ends_the_comparison_with_nothing_written),
		cmocka_unit_test(a_fault_of_reading_that_passes_is_survived),
		cmocka_unit_test(a_long_write_is_flushed_on_its_way),
	};

	return cmocka_run_group_tests_name("restore/failing", tests, NULL, NULL);
}
