/*
 * How many workers keep a slow disk and all cores busy: a table for docs/performance.md. Reads a
 * disk in memory that serves one read after the other at the rates given, with 1 to 8 workers.
 *
 *   build-release/tests/unit/measure_workers 40 80 160 320
 *
 * Built so that it stays true; no test.
 */
#include "../unit.h"

#include "backup/pipeline.h"
#include "base/clock.h"
#include "support/device_memory.h"
#include "support/storage_scratch.h"

#include <stdio.h>
#include <stdlib.h>

#define LENGTH (192u << 20)

/* Two thirds noise, one third text: compresses about as an instrument's data does. */
static void fill(uint8_t *bytes)
{
	static const char text[] = "2026-01-09 13:43:44 a line as the logs of an instrument have\n";
	struct storage_random random = { 1 };

	for (size_t at = 0; at < LENGTH; at += 4096) {
		storage_random_fill(&random, bytes + at, 2730);
		for (size_t i = 2730; i < 4096; i++)
			bytes[at + i] = (uint8_t)text[i % (sizeof(text) - 1)];
	}
}

static double measure(struct device_memory *memory, unsigned int workers)
{
	struct gmi_layout layout;
	struct gmi_pipeline_config config = {
		.disks = memory->device.disks,
		.layout = &layout,
		.chunk_length = 512 << 10,
		.level = 1,
		.workers = workers,
	};
	struct gmi_pipeline_result result = { 0 };
	struct gmi_pipeline *pipeline;
	double began;
	struct gmi_error err;

	assert_gmi_ok(gmi_layout_scan(&layout, memory->device.disks, 1, true, &err), &err);
	began = gmi_clock_seconds();
	assert_gmi_ok(gmi_pipeline_start(&pipeline, &config, &err), &err);
	for (;;) {
		assert_gmi_ok(gmi_pipeline_take(pipeline, &result, &err), &err);
		if (result.end)
			break;
		gmi_pipeline_give_back(pipeline);
	}
	gmi_pipeline_free(pipeline);
	gmi_layout_release(&layout);
	return LENGTH / 1e6 / (gmi_clock_seconds() - began);
}

int main(int argc, char **argv)
{
	struct device_memory memory;

	device_memory_begin(&memory, LENGTH, 1);
	fill(memory.bytes[0]);
	printf("disk MB/s; backup MB/s with 1, 2, 3, 4, 5, 6, 8 workers\n");
	for (int i = 1; i < argc; i++) {
		static const unsigned int workers[] = { 1, 2, 3, 4, 5, 6, 8 };

		memory.disks[0]->rate = (unsigned int)atoi(argv[i]);
		printf("%8u", memory.disks[0]->rate);
		for (size_t j = 0; j < sizeof(workers) / sizeof(workers[0]); j++)
			printf(" %6.0f", measure(&memory, workers[j]));
		printf("\n");
		fflush(stdout);
	}
	device_memory_end(&memory);
	return 0;
}
