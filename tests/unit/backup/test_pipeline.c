/* The ordered parallel pipeline over a raw disk of random bytes. */
#include "../unit.h"

#include "backup/pipeline.h"
#include "base/cores.h"
#include "support/storage_counting.h"
#include "support/storage_random.h"
#include "support/storage_scratch.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#define CHUNK 65536u
#define CHUNKS 100u
#define LENGTH ((uint64_t)CHUNK * CHUNKS - 777)

struct bench {
	struct storage_counting *counting;
	struct gmi_disk *disk;
	uint8_t *bytes;
	struct gmi_layout layout;
	struct gmi_pipeline *pipeline;
};

/* Chunks 30 to 39 hold zeros, 60 to 69 are not used. */
static void bench_begin(struct bench *bench, unsigned int workers)
{
	struct storage_random random = { workers };
	struct gmi_pipeline_config config = { .chunk_length = CHUNK, .level = 1 };
	struct gmi_disk *inner;
	struct gmi_extents *used;
	struct gmi_error err;

	memset(bench, 0, sizeof(*bench));
	assert_gmi_ok(gmi_memory_disk_new(&inner, "emmc", LENGTH, &bench->bytes, &err), &err);
	storage_random_fill(&random, bench->bytes, LENGTH);
	memset(bench->bytes + 30 * CHUNK, 0, 10 * CHUNK);
	bench->counting = storage_counting_new(inner);
	bench->disk = &bench->counting->disk;
	assert_gmi_ok(gmi_layout_scan(&bench->layout, &bench->disk, 1, GMI_SCAN_ALL, &err), &err);
	used = &bench->layout.volumes[0].used;
	used->count = 0;
	assert_gmi_ok(gmi_extents_append(used, 0, 60 * CHUNK, &err), &err);
	assert_gmi_ok(gmi_extents_append(used, 70 * CHUNK, LENGTH - 70 * CHUNK, &err), &err);
	atomic_store(&bench->counting->reads, 0);
	config.disks = &bench->disk;
	config.layout = &bench->layout;
	config.workers = workers;
	/* Tests set faults before the workers begin. */
	bench->counting->bad_from = bench->counting->bad_to = 0;
	assert_gmi_ok(gmi_pipeline_start(&bench->pipeline, &config, &err), &err);
}

static void bench_end(struct bench *bench)
{
	gmi_pipeline_free(bench->pipeline);
	gmi_layout_release(&bench->layout);
	gmi_disk_close(bench->disk);
}

static void assert_chunk(const struct bench *bench, const struct gmi_pipeline_result *result)
{
	uint64_t offset = result->step.chunk * CHUNK;
	uint64_t length = LENGTH - offset < CHUNK ? LENGTH - offset : CHUNK;
	static uint8_t plain[CHUNK];

	if (result->step.chunk >= 60 && result->step.chunk < 70) {
		assert_null(result->frame);
		assert_int_equal(result->step.count, 10);
		assert_int_equal(result->used_bytes, 0);
		return;
	}
	assert_int_equal(result->step.count, 1);
	assert_int_equal(result->used_bytes, length);
	if (result->step.chunk >= 30 && result->step.chunk < 40) {
		assert_null(result->frame);
		return;
	}
	assert_int_equal(ZSTD_decompress(plain, CHUNK, result->frame, result->frame_length),
			 length);
	assert_memory_equal(plain, bench->bytes + offset, length);
}

static void results_come_in_order_whatever_the_workers_do(void **state)
{
	static const unsigned int workers[] = { 1, 2, 3, 8 };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct gmi_pipeline_result result;
		struct bench bench;
		struct gmi_error err;
		uint64_t next = 0;

		bench_begin(&bench, workers[i]);
		for (;;) {
			assert_gmi_ok(gmi_pipeline_take(bench.pipeline, &result, &err), &err);
			if (result.end)
				break;
			assert_int_equal(result.step.chunk, next);
			assert_chunk(&bench, &result);
			next += result.step.count;
			gmi_pipeline_give_back(bench.pipeline);
		}
		assert_int_equal(next, CHUNKS);
		assert_true(gmi_pipeline_reading_done(bench.pipeline));
		assert_int_equal(atomic_load(&bench.counting->reads), CHUNKS - 10);
		/* The end stays the end. */
		assert_gmi_ok(gmi_pipeline_take(bench.pipeline, &result, &err), &err);
		assert_true(result.end);
		bench_end(&bench);
	}
}

static void it_can_be_stopped_after_any_number_of_results(void **state)
{
	(void)state;
	for (unsigned int stop = 0; stop < CHUNKS; stop += 7) {
		struct gmi_pipeline_result result;
		struct bench bench;
		struct gmi_error err;

		bench_begin(&bench, 3);
		for (unsigned int i = 0; i < stop; i++) {
			assert_gmi_ok(gmi_pipeline_take(bench.pipeline, &result, &err), &err);
			if (!result.end)
				gmi_pipeline_give_back(bench.pipeline);
		}
		/* Also between take and give_back. */
		assert_gmi_ok(gmi_pipeline_take(bench.pipeline, &result, &err), &err);
		bench_end(&bench);
	}
}

static unsigned int wait_for_reads(struct bench *bench, unsigned int wanted)
{
	for (int i = 0; i < 10000 && atomic_load(&bench->counting->reads) < wanted; i++)
		usleep(1000);
	/* A moment for those who would read too much. */
	usleep(20000);
	return atomic_load(&bench->counting->reads);
}

static void workers_rest_when_nobody_takes(void **state)
{
	const unsigned int slots = 2 * 3 + 2;
	struct gmi_pipeline_result result;
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench, 2);
	assert_int_equal(wait_for_reads(&bench, slots), slots);
	assert_false(gmi_pipeline_reading_done(bench.pipeline));
	assert_gmi_ok(gmi_pipeline_take(bench.pipeline, &result, &err), &err);
	assert_int_equal(wait_for_reads(&bench, slots), slots);
	gmi_pipeline_give_back(bench.pipeline);
	assert_int_equal(wait_for_reads(&bench, slots + 1), slots + 1);
	bench_end(&bench);
}

/* Else the disk would rest while all cores compress. */
static void more_reads_are_under_way_than_there_are_cores(void **state)
{
	struct gmi_pipeline_result result;
	struct gmi_pipeline_config config = { .chunk_length = CHUNK, .level = 1 };
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench, 2);
	gmi_pipeline_free(bench.pipeline);
	bench.counting->gather = gmi_core_count() + 1;
	config.disks = &bench.disk;
	config.layout = &bench.layout;
	assert_gmi_ok(gmi_pipeline_start(&bench.pipeline, &config, &err), &err);
	assert_gmi_ok(gmi_pipeline_take(bench.pipeline, &result, &err), &err);
	assert_true(atomic_load(&bench.counting->gathered));
	bench_end(&bench);
}

/* Takes until it fails. */
static void expect_failure(struct bench *bench, struct gmi_error *err)
{
	struct gmi_pipeline_result result;

	while (gmi_pipeline_take(bench->pipeline, &result, err) == 0) {
		assert_false(result.end);
		gmi_pipeline_give_back(bench->pipeline);
	}
}

static void a_disk_that_fails_is_told_once_with_its_place(void **state)
{
	struct gmi_pipeline_config config = { .chunk_length = CHUNK, .level = 1, .workers = 4 };
	struct gmi_error again;
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench, 1);
	gmi_pipeline_free(bench.pipeline);
	bench.counting->bad_from = 50 * CHUNK + 100;
	bench.counting->bad_to = 50 * CHUNK + 200;
	config.disks = &bench.disk;
	config.layout = &bench.layout;
	assert_gmi_ok(gmi_pipeline_start(&bench.pipeline, &config, &err), &err);
	expect_failure(&bench, &err);
	assert_int_equal(err.code, GMI_E_SYSTEM);
	assert_string_equal(err.message,
			    "volume emmc: disk emmc (memory): cannot read 4096 bytes at byte "
			    "3276800: Input/output error; the storage is failing");
	/* Asked again it says the same. */
	expect_failure(&bench, &again);
	assert_string_equal(again.message, err.message);
	bench_end(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results_come_in_order_whatever_the_workers_do),
		cmocka_unit_test(it_can_be_stopped_after_any_number_of_results),
		cmocka_unit_test(workers_rest_when_nobody_takes),
		cmocka_unit_test(more_reads_are_under_way_than_there_are_cores),
		cmocka_unit_test(a_disk_that_fails_is_told_once_with_its_place),
	};

	return cmocka_run_group_tests_name("backup/pipeline", tests, NULL, NULL);
}
