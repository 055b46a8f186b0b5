/* Reading and writing under a used map, against a model that is one byte per byte. */
#include "../unit.h"

#include "storage/used_io.h"
#include "support/storage_random.h"
#include "support/storage_scratch.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define DISK_LENGTH (512u << 10)
#define START 1536u /* of the volume on its disk */
#define LENGTH (DISK_LENGTH - START - 999)
#define WORTH_SKIPPING (32u << 10)

struct model {
	struct storage_random random;
	struct gmi_disk *disk;
	uint8_t *on_disk; /* the disk's bytes */
	uint8_t before[DISK_LENGTH];
	uint8_t data[LENGTH];
	bool used[LENGTH];          /* the plain bitmap */
	struct gmi_extents extents; /* the same */
	struct gmi_used_view view;
	uint64_t offset; /* the range of this round */
	size_t length;
};

static void model_begin(struct model *model, uint64_t seed)
{
	struct gmi_error err;
	uint64_t at;

	memset(model, 0, sizeof(*model));
	model->random.state = seed;
	assert_gmi_ok(gmi_memory_disk_new(&model->disk, "disk", DISK_LENGTH, &model->on_disk, &err),
		      &err);
	storage_random_fill(&model->random, model->on_disk, DISK_LENGTH);
	memcpy(model->before, model->on_disk, DISK_LENGTH);
	storage_random_fill(&model->random, model->data, LENGTH);

	/* Gaps on both sides of what is worth skipping. */
	for (at = storage_random_below(&model->random, 2 * WORTH_SKIPPING); at < LENGTH;) {
		uint64_t extent = 1 + storage_random_below(&model->random, 3 * WORTH_SKIPPING);

		extent = extent < LENGTH - at ? extent : LENGTH - at;
		assert_gmi_ok(gmi_extents_append(&model->extents, at, extent, &err), &err);
		memset(model->used + at, 1, extent);
		at += extent + storage_random_below(&model->random, 2 * WORTH_SKIPPING);
	}
	model->view = (struct gmi_used_view){ model->disk, START, &model->extents, NULL };
	model->offset = storage_random_below(&model->random, LENGTH);
	model->length = storage_random_below(&model->random, LENGTH - model->offset + 1);
}

static void model_end(struct model *model)
{
	gmi_extents_release(&model->extents);
	gmi_disk_close(model->disk);
}

/* 1 for each byte of the volume that may be written along: small gaps between used bytes. */
static void find_small_gaps(const struct model *model, bool *small)
{
	uint64_t end = model->offset + model->length;
	uint64_t last_used = UINT64_MAX;

	memset(small, 0, LENGTH);
	for (uint64_t at = model->offset; at < end; at++) {
		if (!model->used[at])
			continue;
		if (last_used != UINT64_MAX && at - last_used - 1 < WORTH_SKIPPING)
			memset(small + last_used + 1, 1, at - last_used - 1);
		last_used = at;
	}
}

/* Every byte of the disk after something was written: as wanted where used (NULL: zeros), untouched
 * elsewhere but in small gaps. */
static void assert_written(const struct model *model, const uint8_t *wanted)
{
	static bool small[LENGTH];
	uint64_t wrong = 0;

	find_small_gaps(model, small);
	for (uint64_t at = 0; at < DISK_LENGTH; at++) {
		uint64_t inner = at - START;
		bool in_range = at >= START && inner >= model->offset &&
				inner < model->offset + model->length;

		if (in_range && model->used[inner])
			wrong += model->on_disk[at] != (wanted ? wanted[inner] : 0);
		else if (!in_range || !small[inner])
			wrong += model->on_disk[at] != model->before[at];
	}
	assert_int_equal(wrong, 0);
}

static void what_is_read_is_the_disk_where_used_and_zero_elsewhere(void **state)
{
	struct model *model = malloc(sizeof(*model));
	struct gmi_error err;

	(void)state;
	for (uint64_t seed = 0; seed < 60; seed++) {
		uint64_t wrong = 0;

		model_begin(model, seed);
		assert_gmi_ok(gmi_used_read(&model->view, model->offset, model->data, model->length,
					    &err),
			      &err);
		for (size_t i = 0; i < model->length; i++) {
			uint64_t at = model->offset + i;

			wrong += model->data[i] !=
				 (model->used[at] ? model->on_disk[START + at] : 0);
		}
		assert_int_equal(wrong, 0);
		model_end(model);
	}
	free(model);
}

static void what_is_written_is_the_used_part_and_small_gaps(void **state)
{
	struct model *model = malloc(sizeof(*model));
	struct gmi_error err;
	uint64_t written;

	(void)state;
	for (uint64_t seed = 100; seed < 160; seed++) {
		uint64_t used = 0;

		model_begin(model, seed);
		assert_gmi_ok(gmi_used_write(&model->view, model->offset,
					     model->data + model->offset, model->length, &written,
					     &err),
			      &err);
		assert_written(model, model->data);
		for (size_t i = 0; i < model->length; i++)
			used += model->used[model->offset + i];
		assert_in_range(written, used, model->length);
		model_end(model);
	}
	free(model);
}

static void what_is_zeroed_is_the_used_part_and_small_gaps(void **state)
{
	struct model *model = malloc(sizeof(*model));
	struct gmi_error err;
	uint64_t zeroed;

	(void)state;
	for (uint64_t seed = 200; seed < 260; seed++) {
		model_begin(model, seed);
		assert_gmi_ok(
			gmi_used_zero(&model->view, model->offset, model->length, &zeroed, &err),
			&err);
		assert_written(model, NULL);
		model_end(model);
	}
	free(model);
}

/* Counts what a disk is asked for that is no whole unit, and checks the bytes all the same. */
struct picky {
	struct gmi_disk disk;
	struct gmi_disk *inner;
	uint64_t from; /* where whole units are to be had */
	uint64_t to;
	unsigned int parts;
};

static void look_at(struct picky *picky, uint32_t unit, uint64_t offset, uint64_t length)
{
	if (offset >= picky->from && offset + length <= picky->to)
		picky->parts += offset % unit != 0 || length % unit != 0;
}

static int picky_read(struct gmi_disk *disk, uint64_t offset, void *data, size_t length,
		      struct gmi_error *err)
{
	struct picky *picky = (struct picky *)disk;

	look_at(picky, disk->sector_length, offset, length);
	return gmi_disk_read(picky->inner, offset, data, length, err);
}

static int picky_write(struct gmi_disk *disk, uint64_t offset, const void *data, size_t length,
		       struct gmi_error *err)
{
	struct picky *picky = (struct picky *)disk;

	look_at(picky, disk->write_unit, offset, length);
	return gmi_disk_write(picky->inner, offset, data, length, err);
}

static void whole_units_are_moved_where_the_chunk_has_them(void **state)
{
	static const struct gmi_disk_ops ops = { .read = picky_read, .write = picky_write };
	struct model *model = malloc(sizeof(*model));
	const uint32_t unit = 16384;
	struct gmi_error err;
	uint64_t written;

	(void)state;
	for (uint64_t seed = 300; seed < 340; seed++) {
		struct picky picky;
		uint64_t begin;
		uint64_t end;
		uint64_t wrong = 0;

		model_begin(model, seed);
		for (size_t i = 0; i < LENGTH; i++) /* as a chunk of a file is */
			model->data[i] = model->used[i] ? model->data[i] : 0;
		begin = START + model->offset;
		end = begin + model->length;
		picky = (struct picky){ .disk = *model->disk, .inner = model->disk };
		picky.disk.ops = &ops;
		picky.disk.direct = true;
		picky.disk.write_unit = unit;
		picky.from = (begin + unit - 1) / unit * unit;
		picky.to = end / unit * unit;
		model->view.disk = &picky.disk;
		assert_gmi_ok(gmi_used_write(&model->view, model->offset,
					     model->data + model->offset, model->length, &written,
					     &err),
			      &err);
		for (uint64_t at = 0; at < DISK_LENGTH; at++) {
			bool in_range = at >= begin && at < end;

			if (in_range && model->used[at - START])
				wrong += model->on_disk[at] != model->data[at - START];
			else if (!in_range)
				wrong += model->on_disk[at] != model->before[at];
			else /* untouched, or zeroed along */
				wrong += model->on_disk[at] != model->before[at] &&
					 model->on_disk[at] != 0;
		}
		memcpy(model->before, model->data, LENGTH);
		assert_gmi_ok(gmi_used_read(&model->view, model->offset,
					    model->data + model->offset, model->length, &err),
			      &err);
		assert_memory_equal(model->before, model->data, LENGTH);
		assert_int_equal(wrong, 0);
		assert_int_equal(picky.parts, 0);
		model_end(model);
	}
	free(model);
}

static void where_nothing_is_used_the_disk_is_left_alone(void **state)
{
	struct gmi_extents none = GMI_EXTENTS_EMPTY;
	uint8_t data[4096];
	struct gmi_error err;
	struct gmi_disk *disk;
	struct gmi_used_view view;
	uint64_t written;
	uint8_t *bytes;

	(void)state;
	assert_gmi_ok(gmi_memory_disk_new(&disk, "disk", 8192, &bytes, &err), &err);
	memset(bytes, 7, 8192);
	memset(data, 1, sizeof(data));
	view = (struct gmi_used_view){ disk, 0, &none, NULL };
	assert_gmi_ok(gmi_used_write(&view, 100, data, sizeof(data), &written, &err), &err);
	assert_int_equal(written, 0);
	assert_gmi_ok(gmi_used_zero(&view, 100, sizeof(data), &written, &err), &err);
	assert_int_equal(written, 0);
	assert_gmi_ok(gmi_used_read(&view, 100, data, sizeof(data), &err), &err);
	for (size_t i = 0; i < sizeof(data); i++)
		assert_int_equal(data[i], 0);
	for (size_t i = 0; i < 8192; i++)
		assert_int_equal(bytes[i], 7);
	gmi_disk_close(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read_is_the_disk_where_used_and_zero_elsewhere),
		cmocka_unit_test(what_is_written_is_the_used_part_and_small_gaps),
		cmocka_unit_test(what_is_zeroed_is_the_used_part_and_small_gaps),
		cmocka_unit_test(whole_units_are_moved_where_the_chunk_has_them),
		cmocka_unit_test(where_nothing_is_used_the_disk_is_left_alone),
	};

	return cmocka_run_group_tests_name("storage/used_io", tests, NULL, NULL);
}
