/*
 * The index: what is built comes back, and its bytes changed one by one. The sample has two
 * volumes:
 *
 *   offset 0    header: magic, version, count of volumes, SHA-256 of the manifest
 *          48   "a", 5 chunks and 10 bytes: 2 extents, 3 runs
 *          64     extents of 100 bytes at 0 and 200 bytes at 65536
 *          96     runs: 2 of data, 3 of zeros, 1 of data
 *          120    3 hashes
 *          216  "b", 2 chunks: no extent, 1 run of zeros
 *          240  end
 */
#include "../unit.h"

#include "../support/expect.h"
#include "../support/random.h"

#include "base/checked.h"
#include "format/index.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK 65536u
#define LENGTH 240u
#define DATA (1ULL << 63)

static struct gmi_manifest_disk disk = { .name = "emmc", .length = 7 * CHUNK + 10 };
static struct gmi_manifest_volume volumes[] = {
	{ .name = "a", .length = 5 * CHUNK + 10, .used = 300 },
	{ .name = "b", .offset = 5 * CHUNK + 10, .length = 2 * CHUNK },
};
static struct gmi_manifest manifest = {
	.version = GMI_FORMAT_VERSION,
	.chunk_length = CHUNK,
	.disks = &disk,
	.disk_count = 1,
	.volumes = volumes,
	.volume_count = 2,
};

static const uint8_t hashes[3][GMI_SHA256_LENGTH] = { { 1 }, { 2 }, { 3 } };
static const uint8_t manifest_hash[GMI_SHA256_LENGTH] = { 9, 8, 7 };

static struct gmi_index *build(void)
{
	struct gmi_extents used = GMI_EXTENTS_EMPTY;
	struct gmi_index *index;
	struct gmi_error err;

	expect_success(gmi_index_new(&index, &manifest, &err), &err);
	expect_success(gmi_extents_append(&used, 0, 100, &err), &err);
	expect_success(gmi_extents_append(&used, CHUNK, 200, &err), &err);
	expect_success(gmi_index_begin_volume(index, &used, &err), &err);
	gmi_extents_release(&used);
	expect_success(gmi_index_add_data(index, hashes[0], &err), &err);
	expect_success(gmi_index_add_data(index, hashes[1], &err), &err);
	expect_success(gmi_index_add_zeros(index, 1, &err), &err);
	expect_success(gmi_index_add_zeros(index, 2, &err), &err); /* joins the run before */
	expect_success(gmi_index_add_data(index, hashes[2], &err), &err);
	expect_success(gmi_index_begin_volume(index, &used, &err), &err);
	expect_success(gmi_index_add_zeros(index, 2, &err), &err);
	return index;
}

static void sound_bytes(uint8_t bytes[LENGTH])
{
	struct gmi_index *index = build();
	struct gmi_memory_sink sink;
	struct gmi_error err;

	gmi_memory_sink_init(&sink);
	expect_success(gmi_index_encode(index, manifest_hash, &sink.sink, &err), &err);
	assert_int_equal(sink.length, LENGTH);
	memcpy(bytes, sink.data, LENGTH);
	gmi_memory_sink_release(&sink);
	gmi_index_free(index);
}

/* Parses a copy on the heap of this very length, so that a sanitizer sees each read outside. */
static int parse(const uint8_t *bytes, size_t length, struct gmi_index **index,
		 struct gmi_error *err)
{
	uint8_t found[GMI_SHA256_LENGTH];
	uint8_t *copy = malloc(length ? length : 1);
	int result;

	assert_non_null(copy);
	memcpy(copy, bytes, length);
	result = gmi_index_parse(copy, length, &manifest, found, index, err);
	if (result == 0)
		assert_memory_equal(found, manifest_hash, sizeof(found));
	else
		assert_null(*index);
	return result;
}

static void expect_sample(const struct gmi_index *index)
{
	const struct gmi_extents *used = gmi_index_used(index, 0);

	assert_memory_equal(gmi_index_chunk(index, 0, 0), hashes[0], GMI_SHA256_LENGTH);
	assert_memory_equal(gmi_index_chunk(index, 0, 1), hashes[1], GMI_SHA256_LENGTH);
	assert_null(gmi_index_chunk(index, 0, 2));
	assert_null(gmi_index_chunk(index, 0, 4));
	assert_memory_equal(gmi_index_chunk(index, 0, 5), hashes[2], GMI_SHA256_LENGTH);
	assert_null(gmi_index_chunk(index, 1, 0));
	assert_null(gmi_index_chunk(index, 1, 1));
	assert_int_equal(gmi_index_same_kind(index, 0, 0), 2);
	assert_int_equal(gmi_index_same_kind(index, 0, 1), 1);
	assert_int_equal(gmi_index_same_kind(index, 0, 2), 3);
	assert_int_equal(gmi_index_same_kind(index, 0, 4), 1);
	assert_int_equal(gmi_index_same_kind(index, 0, 5), 1);
	assert_int_equal(gmi_index_same_kind(index, 1, 0), 2);
	assert_int_equal(used->count, 2);
	assert_int_equal(used->list[1].offset, CHUNK);
	assert_int_equal(used->list[1].length, 200);
	assert_int_equal(gmi_index_used(index, 1)->count, 0);
}

static void what_is_built_comes_back(void **state)
{
	uint8_t bytes[LENGTH];
	struct gmi_index *index;
	struct gmi_error err;

	(void)state;
	sound_bytes(bytes);
	expect_success(parse(bytes, LENGTH, &index, &err), &err);
	expect_sample(index);
	gmi_index_free(index);
}

static void bytes_are_as_the_format_says(void **state)
{
	static const uint8_t head[] = { 'G', 'M', 'I', 'I', 'N', 'D', 'E', 'X',
					1,   0,   0,   0,   2,   0,   0,   0 };
	uint8_t bytes[LENGTH];

	(void)state;
	sound_bytes(bytes);
	assert_memory_equal(bytes, head, sizeof(head));
	assert_memory_equal(bytes + 16, manifest_hash, GMI_SHA256_LENGTH);
	assert_int_equal(gmi_get_le64(bytes + 48), 2);
	assert_int_equal(gmi_get_le64(bytes + 56), 3);
	assert_int_equal(gmi_get_le64(bytes + 80), CHUNK);
	assert_int_equal(gmi_get_le64(bytes + 96), DATA | 2);
	assert_int_equal(gmi_get_le64(bytes + 104), 3);
	assert_int_equal(gmi_get_le64(bytes + 112), DATA | 1);
	assert_memory_equal(bytes + 120, hashes, sizeof(hashes));
	assert_int_equal(gmi_get_le64(bytes + 216), 0);
	assert_int_equal(gmi_get_le64(bytes + 224), 1);
	assert_int_equal(gmi_get_le64(bytes + 232), 2);
}

struct change {
	const char *name;
	size_t at;
	uint64_t value; /* of 8 bytes */
};

static const struct change changes[] = {
	{ "corrupt_magic", 0, 0 },
	{ "corrupt_version_newer", 8, 2 | 2ULL << 32 },
	{ "corrupt_version_zero", 8, 2ULL << 32 },
	{ "corrupt_volumes_too_few", 8, 1 | 1ULL << 32 },
	{ "corrupt_volumes_too_many", 8, 1 | 3ULL << 32 },
	{ "corrupt_extents_too_few", 48, 1 },
	{ "corrupt_extents_too_many", 48, 3 },
	{ "corrupt_extents_beyond_the_index", 48, 1000 },
	{ "corrupt_extents_that_overflow", 48, 1ULL << 60 },
	{ "corrupt_extents_as_many_as_can_be", 48, UINT64_MAX },
	{ "corrupt_runs_none", 56, 0 },
	{ "corrupt_runs_too_few", 56, 2 },
	{ "corrupt_runs_too_many", 56, 4 },
	{ "corrupt_runs_without_room_for_hashes", 56, 17 },
	{ "corrupt_runs_beyond_the_index", 56, 1000 },
	{ "corrupt_runs_that_overflow", 56, 1ULL << 61 },
	{ "corrupt_runs_as_many_as_can_be", 56, UINT64_MAX },
	{ "corrupt_extent_offset_overlaps_the_next", 64, CHUNK },
	{ "corrupt_extent_offset_touches_the_next", 64, CHUNK - 100 },
	{ "corrupt_extent_offset_outside", 80, 5 * CHUNK + 10 },
	{ "corrupt_extent_offset_as_large_as_can_be", 80, UINT64_MAX },
	{ "corrupt_extent_offset_out_of_order", 80, 50 },
	{ "corrupt_extent_length_zero", 72, 0 },
	{ "corrupt_extent_length_of_another_sum", 72, 101 },
	{ "corrupt_extent_length_overlaps_the_next", 72, CHUNK + 1 },
	{ "corrupt_extent_length_outside", 88, 5 * CHUNK },
	{ "corrupt_extent_length_as_large_as_can_be", 88, UINT64_MAX },
	{ "corrupt_run_empty", 96, DATA },
	{ "corrupt_run_too_short", 96, DATA | 1 },
	{ "corrupt_run_too_long", 96, DATA | 3 },
	{ "corrupt_run_as_long_as_can_be", 96, UINT64_MAX },
	{ "corrupt_run_of_the_other_kind", 96, 2 },
	{ "corrupt_run_of_zeros_as_long_as_can_be", 104, DATA - 1 },
	{ "corrupt_run_of_the_same_kind_as_the_one_before", 104, DATA | 3 },
	{ "corrupt_last_run_of_zeros_leaves_hashes", 232, DATA | 2 },
	{ "corrupt_last_run_too_short", 232, 1 },
	{ "corrupt_last_run_too_long", 232, 3 },
	{ "corrupt_extents_of_the_last_volume", 216, 1 },
	{ "corrupt_runs_of_the_last_volume", 224, 2 },
};

static void changed_index_is_refused(void **state)
{
	const struct change *change = *state;
	uint8_t bytes[LENGTH];
	struct gmi_index *index;
	struct gmi_error err;

	sound_bytes(bytes);
	assert_int_not_equal(gmi_get_le64(bytes + change->at), change->value);
	gmi_put_le64(bytes + change->at, change->value);
	expect_refusal(parse(bytes, LENGTH, &index, &err), &err, GMI_E_DAMAGED);
}

static void truncated_anywhere(void **state)
{
	uint8_t bytes[LENGTH];
	struct gmi_index *index;
	struct gmi_error err;

	(void)state;
	sound_bytes(bytes);
	for (size_t length = 0; length < LENGTH; length++)
		expect_refusal(parse(bytes, length, &index, &err), &err, GMI_E_DAMAGED);
}

static void bytes_behind_the_end_are_refused(void **state)
{
	uint8_t bytes[LENGTH + 1] = { 0 };
	struct gmi_index *index;
	struct gmi_error err;

	(void)state;
	sound_bytes(bytes);
	expect_refusal(parse(bytes, LENGTH + 1, &index, &err), &err, GMI_E_DAMAGED);
}

/* Two ways to say the same would be two root hashes of the same backup. */
static void a_run_divided_in_two_is_refused(void **state)
{
	uint8_t bytes[LENGTH + 8];
	struct gmi_index *index;
	struct gmi_error err;

	(void)state;
	sound_bytes(bytes);
	memmove(bytes + 112, bytes + 104, LENGTH - 104);
	gmi_put_le64(bytes + 56, 4);
	gmi_put_le64(bytes + 104, 1);
	gmi_put_le64(bytes + 112, 2);
	expect_refusal(parse(bytes, LENGTH + 8, &index, &err), &err, GMI_E_DAMAGED);
}

static void random_changes_never_crash(void **state)
{
	struct random random = { 2 };
	struct gmi_error err;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint8_t bytes[LENGTH];
		struct gmi_index *index;
		size_t at = 48 + random_below(&random, LENGTH - 48);

		sound_bytes(bytes);
		bytes[at] = (uint8_t)random_next(&random);
		bytes[48 + random_below(&random, LENGTH - 48)] ^= (uint8_t)random_next(&random);
		if (parse(bytes, LENGTH, &index, &err) < 0) {
			expect_refusal(-1, &err, GMI_E_DAMAGED);
			continue;
		}
		/* What is accepted answers for every chunk. */
		for (uint64_t chunk = 0; chunk < 6; chunk++) {
			const uint8_t *hash = gmi_index_chunk(index, 0, chunk);

			assert_true(!hash || hash[0] + hash[31] >= 0);
			assert_in_range(gmi_index_same_kind(index, 0, chunk), 1, 6 - chunk);
		}
		gmi_index_free(index);
	}
}

/* A disk of 6 EiB: its zeros cost nothing, and its numbers need all of 63 bits. */
static void volumes_of_exbibytes_have_small_indexes(void **state)
{
	struct gmi_manifest_volume huge = { .name = "huge", .length = 6ULL << 60, .used = 5 };
	const uint64_t chunks = (6ULL << 60) / CHUNK;
	struct gmi_manifest of = {
		.version = 1, .chunk_length = CHUNK, .volumes = &huge, .volume_count = 1
	};
	struct gmi_extents used = GMI_EXTENTS_EMPTY;
	uint8_t found[GMI_SHA256_LENGTH];
	struct gmi_memory_sink sink;
	struct gmi_index *index;
	struct gmi_error err;

	(void)state;
	gmi_memory_sink_init(&sink);
	expect_success(gmi_index_new(&index, &of, &err), &err);
	expect_success(gmi_extents_append(&used, (6ULL << 60) - 5, 5, &err), &err);
	expect_success(gmi_index_begin_volume(index, &used, &err), &err);
	gmi_extents_release(&used);
	expect_success(gmi_index_add_zeros(index, chunks - 1, &err), &err);
	expect_success(gmi_index_add_data(index, hashes[0], &err), &err);
	expect_success(gmi_index_encode(index, manifest_hash, &sink.sink, &err), &err);
	gmi_index_free(index);
	assert_int_equal(sink.length, 48 + 16 + 16 + 16 + 32);
	expect_success(gmi_index_parse(sink.data, sink.length, &of, found, &index, &err), &err);
	assert_int_equal(gmi_index_same_kind(index, 0, 0), chunks - 1);
	assert_int_equal(gmi_index_same_kind(index, 0, chunks - 2), 1);
	assert_null(gmi_index_chunk(index, 0, chunks - 2));
	assert_memory_equal(gmi_index_chunk(index, 0, chunks - 1), hashes[0], GMI_SHA256_LENGTH);
	assert_int_equal(gmi_index_used(index, 0)->list[0].offset, (6ULL << 60) - 5);
	gmi_index_free(index);
}

#define CHANGES (sizeof(changes) / sizeof(changes[0]))

int main(void)
{
	const struct CMUnitTest others[] = {
		cmocka_unit_test(what_is_built_comes_back),
		cmocka_unit_test(bytes_are_as_the_format_says),
		cmocka_unit_test(truncated_anywhere),
		cmocka_unit_test(bytes_behind_the_end_are_refused),
		cmocka_unit_test(a_run_divided_in_two_is_refused),
		cmocka_unit_test(random_changes_never_crash),
		cmocka_unit_test(volumes_of_exbibytes_have_small_indexes),
	};
	struct CMUnitTest tests[CHANGES + sizeof(others) / sizeof(others[0])];

	for (size_t i = 0; i < CHANGES; i++)
		tests[i] = (struct CMUnitTest){ .name = changes[i].name,
						.test_func = changed_index_is_refused,
						.initial_state = (void *)&changes[i] };
	memcpy(tests + CHANGES, others, sizeof(others));
	return cmocka_run_group_tests_name("format/index", tests, NULL, NULL);
}
