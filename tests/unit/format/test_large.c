/*
 * Whole files past the limits of 16 and 32 bits: volumes of more than 4 GiB, files of more than
 * 4 GiB, more entries than a plain ZIP counts. Zeros and repetition keep them cheap.
 */
#include "../unit.h"

#include "../support/expect.h"
#include "../support/random.h"
#include "../support/recorder.h"
#include "../support/sample.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "format/verify.h"
#include "format/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 65536u
#define GIB (1ULL << 30)

/* ---- a volume of 6 GiB, nearly all zeros ---- */

#define CHUNKS_PER_GIB (GIB / CHUNK)

static const struct sample_chunk large_chunks[] = {
	{ 0, 10 },
	{ 2 * CHUNKS_PER_GIB - 1, 10 }, /* just before 2 GiB */
	{ 2 * CHUNKS_PER_GIB, 10 },     /* and just behind */
	{ 4 * CHUNKS_PER_GIB - 1, 10 }, /* the same at 4 GiB */
	{ 4 * CHUNKS_PER_GIB, 10 },
	{ 6 * CHUNKS_PER_GIB, 10 }, /* the last one, short */
};

static const struct sample_volume large_volumes[] = {
	{ "table", "table", 0, 5 * GIB, NULL, 0 },
	{ "data", "ext4", 0, 6 * GIB + 4097, large_chunks, 6 },
};

static const struct sample large = { CHUNK, large_volumes, 2 };

struct opened {
	struct gmi_memory_sink file;
	struct gmi_memory_source source;
	struct gmi_reader *reader;
	struct gmi_source *data; /* the second volume */
};

static int open_large(void **state)
{
	struct opened *opened = calloc(1, sizeof(*opened));
	struct gmi_error err;

	assert_non_null(opened);
	sample_file(&large, &opened->file, &opened->source);
	expect_success(gmi_reader_open(&opened->reader, &opened->source.source, &err), &err);
	expect_success(gmi_volume_source_new(&opened->data, opened->reader, 1, &err), &err);
	*state = opened;
	return 0;
}

static int close_large(void **state)
{
	struct opened *opened = *state;

	gmi_volume_source_free(opened->data);
	gmi_reader_free(opened->reader);
	gmi_memory_sink_release(&opened->file);
	free(opened);
	return 0;
}

static void eleven_gib_of_zeros_take_a_small_file(void **state)
{
	struct opened *opened = *state;

	/* 4 bytes per 128 KiB, and some entries. */
	assert_in_range(opened->file.length, 11 * GIB / (32 << 10), 11 * GIB / (24 << 10));
}

static void numbers_past_four_gib_come_back(void **state)
{
	struct opened *opened = *state;
	const struct gmi_manifest *manifest = gmi_reader_manifest(opened->reader);
	const struct gmi_index *index = gmi_reader_index(opened->reader);
	const struct gmi_extents *used = gmi_index_used(index, 1);

	assert_int_equal(manifest->disks[0].length, 11 * GIB + 4097);
	assert_int_equal(manifest->volumes[1].offset, 5 * GIB);
	assert_int_equal(manifest->volumes[1].length, 6 * GIB + 4097);
	assert_int_equal(opened->data->length, 6 * GIB + 4097);
	/* The last quarter of each chunk is unused, so no two extents touch. */
	assert_int_equal(used->count, 6);
	assert_int_equal(used->list[4].offset, 4 * GIB);
	assert_int_equal(used->list[5].offset, 6 * GIB);
	assert_int_equal(used->list[5].length, 4097 - 1024);
	assert_int_equal(gmi_index_same_kind(index, 1, 4 * CHUNKS_PER_GIB + 1),
			 2 * CHUNKS_PER_GIB - 1);
}

static void data_past_four_gib_reads_where_it_was(void **state)
{
	struct opened *opened = *state;
	GMI_AUTO_FREE uint8_t *expected = malloc(CHUNK);
	GMI_AUTO_FREE uint8_t *found = malloc(CHUNK);
	struct gmi_error err;

	assert_true(expected && found);
	for (size_t i = 0; i < 6; i++) {
		uint64_t chunk = large_chunks[i].chunk;
		uint32_t length = gmi_chunk_length_at(opened->data->length, CHUNK, chunk);

		assert_true(sample_plain(&large, 1, chunk, expected));
		expect_success(gmi_source_read(opened->data, chunk * CHUNK, found, length, &err),
			       &err);
		assert_memory_equal(found, expected, length);
	}
	/* Across 4 GiB in one read. */
	expect_success(gmi_source_read(opened->data, 4 * GIB - 100, found, 200, &err), &err);
	assert_true(gmi_is_zero(found, 100));
	assert_false(gmi_is_zero(found + 100, 100));
	expect_success(gmi_source_read(opened->data, 5 * GIB, found, CHUNK, &err), &err);
	assert_true(gmi_is_zero(found, CHUNK));
}

static void a_large_file_verifies(void **state)
{
	struct opened *opened = *state;
	struct gmi_error err;

	expect_success(gmi_verify(opened->reader, 2, NULL, &err), &err);
}

/* ---- one chunk over and over ---- */

/* A device of one volume of `count` chunks that all hold the same. */
struct repeated {
	uint32_t chunk_length;
	uint64_t count;
	uint8_t *plain; /* chunk_length bytes */
	uint8_t *frame;
	size_t frame_length;
};

static void write_repeated(const struct repeated *repeated, struct gmi_sink *sink)
{
	const struct sample_volume volume = { "all", "raw",
					      0,     repeated->count * repeated->chunk_length,
					      NULL,  0 };
	const struct sample sample = { repeated->chunk_length, &volume, 1 };
	GMI_CLEANUP(gmi_manifest_release) struct gmi_manifest manifest;
	GMI_CLEANUP(gmi_extents_release) struct gmi_extents all = GMI_EXTENTS_EMPTY;
	uint8_t hash[GMI_SHA256_LENGTH];
	struct gmi_hasher *hasher;
	struct gmi_writer *writer;
	struct gmi_error err;

	sample_manifest(&sample, &manifest);
	manifest.volumes[0].used = volume.length;
	expect_success(gmi_extents_whole(&all, volume.length, &err), &err);
	expect_success(gmi_hasher_new(&hasher, &err), &err);
	gmi_hasher_once(hasher, repeated->plain, repeated->chunk_length, hash);
	gmi_hasher_free(hasher);
	expect_success(gmi_writer_new(&writer, sink, &manifest, &err), &err);
	expect_success(gmi_writer_begin_volume(writer, &all, &err), &err);
	for (uint64_t i = 0; i < repeated->count; i++)
		expect_success(gmi_writer_data(writer, repeated->frame, repeated->frame_length,
					       hash, &err),
			       &err);
	expect_success(gmi_writer_finish(writer, hash, &err), &err);
	gmi_writer_free(writer);
}

/* Fetches the first chunk, the last one and some between. */
static void read_repeated(const struct repeated *repeated, struct gmi_source *source)
{
	GMI_AUTO_FREE uint8_t *found = malloc(repeated->chunk_length);
	struct gmi_decoder *decoder;
	struct gmi_reader *reader;
	struct gmi_error err;
	uint64_t offset;
	uint32_t length;

	assert_non_null(found);
	expect_success(gmi_reader_open(&reader, source, &err), &err);
	expect_success(gmi_decoder_new(&decoder, reader, &err), &err);
	for (uint64_t i = 0; i <= 16; i++) {
		uint64_t chunk = (repeated->count - 1) * i / 16;

		memset(found, 0xee, repeated->chunk_length);
		expect_success(gmi_reader_fetch(reader, decoder, 0, chunk, found, &err), &err);
		assert_memory_equal(found, repeated->plain, repeated->chunk_length);
	}
	gmi_reader_locate(reader, 0, repeated->count - 1, &offset, &length);
	assert_true(offset >= (repeated->count - 1) * repeated->frame_length);
	assert_true(offset + length < source->length);
	gmi_decoder_free(decoder);
	gmi_reader_free(reader);
}

static void repeat(struct repeated *repeated, struct recorder *file)
{
	recorder_init(file);
	write_repeated(repeated, &file->sink);
	read_repeated(repeated, &file->source);
	free(repeated->plain);
	free(repeated->frame);
}

static void more_entries_than_a_plain_zip_counts(void **state)
{
	struct repeated repeated = { .chunk_length = CHUNK, .count = 66000 };
	struct recorder file;

	(void)state;
	repeated.plain = malloc(CHUNK);
	assert_non_null(repeated.plain);
	memset(repeated.plain, 'x', CHUNK);
	repeated.frame_length = sample_compress(repeated.plain, CHUNK, &repeated.frame);
	repeat(&repeated, &file);
	recorder_release(&file);
}

static void a_file_of_more_than_four_gib(void **state)
{
	const uint32_t length = GMI_CHUNK_LENGTH_MAX;
	struct repeated repeated = { .chunk_length = length, .count = 4 * GIB / length + 20 };
	struct recorder file;
	struct random random = { 6 };

	(void)state;
	repeated.plain = malloc(length);
	assert_non_null(repeated.plain);
	for (uint32_t i = 0; i < length; i += 8)
		memcpy(repeated.plain + i, &(uint64_t){ random_next(&random) }, 8);
	repeated.frame_length = sample_compress(repeated.plain, length, &repeated.frame);
	repeat(&repeated, &file);
	assert_true(file.source.length > 4 * GIB + 20ULL * length);
	recorder_release(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eleven_gib_of_zeros_take_a_small_file),
		cmocka_unit_test(numbers_past_four_gib_come_back),
		cmocka_unit_test(data_past_four_gib_reads_where_it_was),
		cmocka_unit_test(a_large_file_verifies),
		cmocka_unit_test(more_entries_than_a_plain_zip_counts),
		cmocka_unit_test(a_file_of_more_than_four_gib),
	};

	return cmocka_run_group_tests_name("format/large", tests, open_large, close_large);
}
