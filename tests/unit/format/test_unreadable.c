/*
 * Places that could not be read: they come back beside the used map, they are zeros in the chunks,
 * and an index that tells them wrongly is refused. One volume of 5 chunks:
 *
 *   offset 48   7 extents, 5 runs
 *          64   4096 bytes at 0, used
 *          80   4096 bytes at 4096, unreadable
 *          96   the rest of chunk 0, used
 *          112  chunk 1, unreadable
 *          128  chunk 2, used
 *          144  4096 bytes at the start of chunk 4, unreadable
 *          160  4096 bytes behind them, used
 *          176  runs: data, zeros, data, zeros, data
 *          216  3 hashes
 *          312  end
 */
#include "../unit.h"

#include "../support/expect.h"
#include "../support/parts.h"
#include "../support/sample.h"

#include "base/checked.h"
#include "base/cleanup.h"
#include "format/verify.h"
#include "format/writer.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK 65536u
#define CHUNKS 5u
#define LENGTH 312u
#define UNREADABLE (1ULL << 63)

static struct gmi_manifest_disk disk = {
	.name = "emmc", .length = CHUNKS * CHUNK, .sector_length = 512, .table = "none"
};
static struct gmi_manifest_volume volume = {
	.name = "emmc", .length = CHUNKS * CHUNK, .used = 3 * CHUNK + 8192, .content = "raw"
};
static const struct gmi_manifest manifest = {
	.version = GMI_FORMAT_VERSION,
	.device_id = "bb2241039",
	.chunk_length = CHUNK,
	.disks = &disk,
	.disk_count = 1,
	.volumes = &volume,
	.volume_count = 1,
};
static const struct gmi_extent lost[] = { { 4096, 4096 }, { CHUNK, CHUNK }, { 4 * CHUNK, 4096 } };

/* What a chunk holds: sevens where it was read. */
static void plain_of(uint64_t chunk, uint8_t plain[CHUNK])
{
	memset(plain, 0, CHUNK);
	if (chunk == 0 || chunk == 2)
		memset(plain, 7, CHUNK);
	if (chunk == 0)
		memset(plain + 4096, 0, 4096);
	if (chunk == 4)
		memset(plain + 4096, 7, 4096);
}

static void write_chunk(struct gmi_writer *writer, uint64_t chunk, bool lying)
{
	GMI_AUTO_FREE uint8_t *plain = malloc(CHUNK);
	GMI_AUTO_FREE uint8_t *frame = NULL;
	uint8_t hash[GMI_SHA256_LENGTH];
	struct gmi_hasher *hasher;
	struct gmi_error err;
	size_t length;

	assert_non_null(plain);
	plain_of(chunk, plain);
	if (lying)
		plain[4096 + 5] = 1;
	expect_success(gmi_hasher_new(&hasher, &err), &err);
	gmi_hasher_once(hasher, plain, CHUNK, hash);
	gmi_hasher_free(hasher);
	length = sample_compress(plain, CHUNK, &frame);
	expect_success(gmi_writer_data(writer, frame, length, hash, &err), &err);
}

/* The whole file; a lying one has a byte in a place that is said to be unreadable. */
static void make_file(struct gmi_memory_sink *file, struct gmi_memory_source *source, bool lying)
{
	GMI_CLEANUP(gmi_extents_release) struct gmi_extents used = GMI_EXTENTS_EMPTY;
	uint8_t root_hash[GMI_SHA256_LENGTH];
	struct gmi_writer *writer;
	struct gmi_error err;

	gmi_memory_sink_init(file);
	expect_success(gmi_extents_append(&used, 0, 3 * CHUNK, &err), &err);
	expect_success(gmi_extents_append(&used, 4 * CHUNK, 8192, &err), &err);
	expect_success(gmi_writer_new(&writer, &file->sink, &manifest, &err), &err);
	expect_success(gmi_writer_begin_volume(writer, &used, &err), &err);
	for (uint64_t chunk = 0, i = 0; chunk < CHUNKS; chunk++) {
		if (chunk % 2 == 0)
			write_chunk(writer, chunk, lying && chunk == 0);
		else
			expect_success(gmi_writer_zeros(writer, 1, &err), &err);
		for (; i < 3 && lost[i].offset / CHUNK == chunk; i++)
			expect_success(
				gmi_writer_unreadable(writer, lost[i].offset, lost[i].length, &err),
				&err);
	}
	expect_success(gmi_writer_finish(writer, root_hash, &err), &err);
	gmi_writer_free(writer);
	gmi_memory_source_init(source, file->data, file->length);
}

/* The index of that file. */
static void sound_bytes(uint8_t bytes[LENGTH])
{
	struct gmi_memory_source source;
	struct gmi_memory_sink file;
	struct parts parts;

	make_file(&file, &source, false);
	parts_of(&parts, &source.source);
	assert_string_equal(parts.list[parts.count - 1].name, "index");
	assert_int_equal(parts.list[parts.count - 1].length, LENGTH);
	memcpy(bytes, parts.list[parts.count - 1].data, LENGTH);
	parts_release(&parts);
	gmi_memory_sink_release(&file);
}

static int parse(const uint8_t *bytes, size_t length, struct gmi_index **index,
		 struct gmi_error *err)
{
	uint8_t manifest_hash[GMI_SHA256_LENGTH];
	uint8_t *copy = malloc(length ? length : 1);

	assert_non_null(copy);
	memcpy(copy, bytes, length);
	return gmi_index_parse(copy, length, &manifest, manifest_hash, index, err);
}

static void they_come_back_beside_the_used_map(void **state)
{
	const struct gmi_extents *unreadable;
	const struct gmi_extents *used;
	struct gmi_memory_source source;
	struct gmi_memory_sink file;
	struct gmi_reader *reader;
	struct gmi_error err;

	(void)state;
	make_file(&file, &source, false);
	expect_success(gmi_reader_open(&reader, &source.source, &err), &err);
	unreadable = gmi_index_unreadable(gmi_reader_index(reader), 0);
	used = gmi_index_used(gmi_reader_index(reader), 0);
	assert_int_equal(unreadable->count, 3);
	assert_memory_equal(unreadable->list, lost, sizeof(lost));
	assert_int_equal(gmi_index_unreadable_total(gmi_reader_index(reader)), CHUNK + 8192);
	assert_int_equal(gmi_extents_total(used), 2 * CHUNK);
	for (size_t i = 0; i < 3; i++)
		assert_false(gmi_extents_touch(used, lost[i].offset, lost[i].length));
	expect_success(gmi_verify(reader, 2, NULL, &err), &err);
	gmi_reader_free(reader);
	gmi_memory_sink_release(&file);
}

static void bytes_are_as_the_format_says(void **state)
{
	uint8_t bytes[LENGTH];

	(void)state;
	sound_bytes(bytes);
	assert_int_equal(gmi_get_le64(bytes + 48), 7);
	assert_int_equal(gmi_get_le64(bytes + 80), 4096);
	assert_int_equal(gmi_get_le64(bytes + 88), UNREADABLE | 4096);
	assert_int_equal(gmi_get_le64(bytes + 96), 8192);
	assert_int_equal(gmi_get_le64(bytes + 104), CHUNK - 8192);
	assert_int_equal(gmi_get_le64(bytes + 120), UNREADABLE | CHUNK);
}

static void a_byte_in_an_unreadable_place_is_refused(void **state)
{
	struct gmi_memory_source source;
	struct gmi_memory_sink file;
	struct gmi_reader *reader;
	struct gmi_error err;

	(void)state;
	make_file(&file, &source, true);
	expect_success(gmi_reader_open(&reader, &source.source, &err), &err);
	expect_refusal(gmi_verify(reader, 2, NULL, &err), &err, GMI_E_DAMAGED);
	gmi_reader_free(reader);
	gmi_memory_sink_release(&file);
}

struct change {
	const char *name;
	size_t at;
	uint64_t value; /* of 8 bytes */
};

static const struct change changes[] = {
	{ "corrupt_unreadable_overlaps_what_was_read", 80, 4095 },
	{ "corrupt_unreadable_leaves_bytes_of_no_kind", 80, 4097 },
	{ "corrupt_unreadable_overlaps_what_follows", 88, UNREADABLE | 4097 },
	{ "corrupt_unreadable_touches_unreadable", 104, UNREADABLE | (CHUNK - 8192) },
	{ "corrupt_read_touches_read", 88, 4096 },
	{ "corrupt_unreadable_of_no_length", 88, UNREADABLE },
	{ "corrupt_unreadable_as_long_as_can_be", 88, UINT64_MAX },
	{ "corrupt_unreadable_of_another_sum", 152, UNREADABLE | 4095 },
	{ "corrupt_unreadable_out_of_order", 112, 0 },
	{ "corrupt_unreadable_outside", 144, CHUNKS *CHUNK },
	{ "corrupt_unreadable_offset_as_large_as_can_be", 144, UINT64_MAX },
	{ "corrupt_extents_too_few", 48, 6 },
	{ "corrupt_extents_too_many", 48, 8 },
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
	expect_success(parse(bytes, LENGTH, &index, &err), &err);
	gmi_index_free(index);
}

#define CHANGES (sizeof(changes) / sizeof(changes[0]))

int main(void)
{
	const struct CMUnitTest others[] = {
		cmocka_unit_test(they_come_back_beside_the_used_map),
		cmocka_unit_test(bytes_are_as_the_format_says),
		cmocka_unit_test(a_byte_in_an_unreadable_place_is_refused),
		cmocka_unit_test(truncated_anywhere),
	};
	struct CMUnitTest tests[CHANGES + sizeof(others) / sizeof(others[0])];

	for (size_t i = 0; i < CHANGES; i++)
		tests[i] = (struct CMUnitTest){ .name = changes[i].name,
						.test_func = changed_index_is_refused,
						.initial_state = (void *)&changes[i] };
	memcpy(tests + CHANGES, others, sizeof(others));
	return cmocka_run_group_tests_name("format/unreadable", tests, NULL, NULL);
}
