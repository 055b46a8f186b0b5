/* What the writer makes of its calls: entries, their names and order, and nothing but them. */
#include "../unit.h"

#include "../support/expect.h"
#include "../support/parts.h"
#include "../support/sample.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "format/writer.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define CHUNK 65536u

static void entries_stand_in_the_order_of_the_format(void **state)
{
	static const char *const names[] = {
		"mimetype",
		"manifest.json",
		"volumes/table/00000000.zst",
		"volumes/system0/00000000.zst",
		"volumes/system0/00000001.zst",
		"volumes/system0/00000002.zst", /* zeros: 2 to 4 */
		"volumes/system0/00000005.zst",
		"volumes/system0/00000006.zst",
		"volumes/config/00000000.zst", /* zeros: 0 and 1 */
		"volumes/config/00000002.zst",
		"volumes/spare/00000000.zst", /* all zeros */
		"volumes/end/00000000.zst",
		"volumes/flash/00000000.zst",
		"volumes/flash/00000001.zst",
		"volumes/flash/00000002.zst",
		"volumes/flash/00000003.zst",
		"index",
	};
	struct gmi_memory_source source;
	struct gmi_memory_sink file;
	struct parts parts;

	(void)state;
	sample_file(&sample_small, &file, &source);
	parts_of(&parts, &source.source);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_string_equal(parts.list[i].name, names[i]);
	assert_int_equal(parts.count, sizeof(names) / sizeof(names[0]));
	parts_release(&parts);
	gmi_memory_sink_release(&file);
}

static void the_media_type_stands_where_file_looks_for_it(void **state)
{
	struct gmi_memory_source source;
	struct gmi_memory_sink file;

	(void)state;
	sample_file(&sample_small, &file, &source);
	assert_memory_equal(file.data, "PK\3\4", 4);
	assert_memory_equal(file.data + 30, "mimetypeapplication/vnd.sbt.gmi+zip", 35);
	gmi_memory_sink_release(&file);
}

/* As `unzip -p FILE 'volumes/NAME/ *' | zstd -dc` does it. */
static void frames_of_a_volume_one_after_the_other_are_the_volume(void **state)
{
	const struct sample_volume *volume = &sample_small.volumes[1];
	struct gmi_memory_source source;
	struct gmi_memory_sink file;
	struct gmi_memory_sink frames;
	GMI_AUTO_FREE uint8_t *plain = malloc((size_t)volume->length);
	GMI_AUTO_FREE uint8_t *expected = malloc(CHUNK);
	struct parts parts;
	struct gmi_error err;

	(void)state;
	assert_true(plain && expected);
	sample_file(&sample_small, &file, &source);
	parts_of(&parts, &source.source);
	gmi_memory_sink_init(&frames);
	for (size_t i = 0; i < parts.count; i++) {
		if (strncmp(parts.list[i].name, "volumes/system0/", 16) == 0)
			expect_success(gmi_sink_write(&frames.sink, parts.list[i].data,
						      parts.list[i].length, &err),
				       &err);
	}
	assert_int_equal(ZSTD_decompress(plain, (size_t)volume->length, frames.data, frames.length),
			 volume->length);
	for (uint32_t chunk = 0; chunk < 7; chunk++) {
		uint32_t length = gmi_chunk_length_at(volume->length, CHUNK, chunk);

		if (sample_plain(&sample_small, 1, chunk, expected))
			assert_memory_equal(plain + chunk * CHUNK, expected, length);
		else
			assert_true(gmi_is_zero(plain + chunk * CHUNK, length));
	}
	gmi_memory_sink_release(&frames);
	parts_release(&parts);
	gmi_memory_sink_release(&file);
}

static void the_same_calls_give_the_same_bytes(void **state)
{
	uint8_t first_root[GMI_SHA256_LENGTH];
	uint8_t second_root[GMI_SHA256_LENGTH];
	struct gmi_memory_sink first;
	struct gmi_memory_sink second;

	(void)state;
	gmi_memory_sink_init(&first);
	gmi_memory_sink_init(&second);
	sample_write(&sample_small, &first.sink, first_root);
	sample_write(&sample_small, &second.sink, second_root);
	assert_int_equal(first.length, second.length);
	assert_memory_equal(first.data, second.data, first.length);
	assert_memory_equal(first_root, second_root, GMI_SHA256_LENGTH);
	gmi_memory_sink_release(&first);
	gmi_memory_sink_release(&second);
}

/* A device of one volume of zeros, written by calls of these many chunks. */
static void write_zeros(uint64_t length, const uint64_t *calls, struct gmi_memory_sink *file)
{
	const struct sample_volume volume = { "all", "raw", 0, length, NULL, 0 };
	const struct sample sample = { CHUNK, &volume, 1 };
	GMI_CLEANUP(gmi_manifest_release) struct gmi_manifest manifest;
	struct gmi_extents nothing = GMI_EXTENTS_EMPTY;
	uint8_t root[GMI_SHA256_LENGTH];
	struct gmi_writer *writer;
	struct gmi_error err;

	gmi_memory_sink_init(file);
	sample_manifest(&sample, &manifest);
	expect_success(gmi_writer_new(&writer, &file->sink, &manifest, &err), &err);
	expect_success(gmi_writer_begin_volume(writer, &nothing, &err), &err);
	for (; *calls; calls++)
		expect_success(gmi_writer_zeros(writer, *calls, &err), &err);
	expect_success(gmi_writer_finish(writer, root, &err), &err);
	assert_int_equal(gmi_writer_length(writer), file->length);
	gmi_writer_free(writer);
}

static void zeros_are_joined_however_they_are_given(void **state)
{
	static const uint64_t at_once[] = { 10000, 0 };
	static const uint64_t in_parts[] = { 1, 4095, 1, 5000, 903, 0 };
	struct gmi_memory_sink first;
	struct gmi_memory_sink second;

	(void)state;
	write_zeros(10000ULL * CHUNK, at_once, &first);
	write_zeros(10000ULL * CHUNK, in_parts, &second);
	assert_int_equal(first.length, second.length);
	assert_memory_equal(first.data, second.data, first.length);
	gmi_memory_sink_release(&first);
	gmi_memory_sink_release(&second);
}

static void a_long_run_of_zeros_is_divided_from_its_beginning(void **state)
{
	static const uint64_t all[] = { 8193, 0 };
	struct gmi_memory_source source;
	struct gmi_memory_sink file;
	struct parts parts;

	(void)state;
	/* Two whole runs, and a last chunk of 9 bytes. */
	write_zeros(8192ULL * CHUNK + 9, all, &file);
	gmi_memory_source_init(&source, file.data, file.length);
	parts_of(&parts, &source.source);
	assert_int_equal(parts.count, 6);
	assert_string_equal(parts.list[2].name, "volumes/all/00000000.zst");
	assert_string_equal(parts.list[3].name, "volumes/all/00004096.zst");
	assert_string_equal(parts.list[4].name, "volumes/all/00008192.zst");
	assert_int_equal(ZSTD_getFrameContentSize(parts.list[2].data, parts.list[2].length),
			 4096ULL * CHUNK);
	assert_int_equal(ZSTD_getFrameContentSize(parts.list[4].data, parts.list[4].length), 9);
	parts_release(&parts);
	gmi_memory_sink_release(&file);
}

static void the_root_hash_is_that_of_the_index(void **state)
{
	uint8_t root[GMI_SHA256_LENGTH];
	uint8_t expected[GMI_SHA256_LENGTH];
	struct gmi_memory_source source;
	struct gmi_memory_sink file;
	struct gmi_hasher *hasher;
	struct parts parts;
	struct gmi_error err;

	(void)state;
	gmi_memory_sink_init(&file);
	sample_write(&sample_small, &file.sink, root);
	gmi_memory_source_init(&source, file.data, file.length);
	parts_of(&parts, &source.source);
	expect_success(gmi_hasher_new(&hasher, &err), &err);
	gmi_hasher_once(hasher, parts.list[parts.count - 1].data,
			parts.list[parts.count - 1].length, expected);
	assert_memory_equal(root, expected, GMI_SHA256_LENGTH);
	/* The index names the manifest by its hash in turn. */
	gmi_hasher_once(hasher, parts.list[1].data, parts.list[1].length, expected);
	assert_memory_equal(parts.list[parts.count - 1].data + 16, expected, GMI_SHA256_LENGTH);
	gmi_hasher_free(hasher);
	parts_release(&parts);
	gmi_memory_sink_release(&file);
}

static void a_manifest_that_makes_no_sense_is_refused(void **state)
{
	GMI_CLEANUP(gmi_manifest_release) struct gmi_manifest manifest;
	struct gmi_memory_sink file;
	struct gmi_writer *writer;
	struct gmi_error err;

	(void)state;
	gmi_memory_sink_init(&file);
	sample_manifest(&sample_small, &manifest);
	manifest.volumes[2].offset++;
	expect_refusal(gmi_writer_new(&writer, &file.sink, &manifest, &err), &err, GMI_E_SYSTEM);
	assert_null(writer);
	assert_int_equal(file.length, 0);
	gmi_memory_sink_release(&file);
}

/* A sink that takes so many bytes and then is full. */
struct small_disk {
	struct gmi_sink sink;
	size_t room;
};

static int write_to_small_disk(struct gmi_sink *sink, const void *data, size_t length,
			       struct gmi_error *err)
{
	struct small_disk *disk = (struct small_disk *)sink;

	(void)data;
	if (length > disk->room)
		return gmi_fail(err, GMI_E_CLIENT, "the other side has no room left");
	disk->room -= length;
	return 0;
}

/* A device whose file has every kind of entry, written until the sink fails. */
static int write_some(struct gmi_sink *sink, struct gmi_error *err)
{
	static const struct sample_volume volumes[] = {
		{ "a", "raw", 0, 2 * CHUNK, NULL, 0 },
		{ "b", "raw", 0, CHUNK, NULL, 0 },
	};
	static const struct sample sample = { CHUNK, volumes, 2 };
	static const uint8_t hash[GMI_SHA256_LENGTH];
	GMI_CLEANUP(gmi_manifest_release) struct gmi_manifest manifest;
	struct gmi_extents nothing = GMI_EXTENTS_EMPTY;
	uint8_t root[GMI_SHA256_LENGTH];
	struct gmi_writer *writer;
	int result;

	sample_manifest(&sample, &manifest);
	if (gmi_writer_new(&writer, sink, &manifest, err) < 0)
		return -1;
	result = gmi_writer_begin_volume(writer, &nothing, err);
	if (result == 0)
		result = gmi_writer_zeros(writer, 1, err);
	if (result == 0)
		result = gmi_writer_data(writer, "frame", 5, hash, err);
	if (result == 0)
		result = gmi_writer_begin_volume(writer, &nothing, err);
	if (result == 0)
		result = gmi_writer_zeros(writer, 1, err);
	if (result == 0)
		result = gmi_writer_finish(writer, root, err);
	gmi_writer_free(writer);
	return result;
}

static void a_full_disk_is_told_at_whatever_byte_it_is_full(void **state)
{
	struct gmi_memory_sink whole;
	struct gmi_error err;

	(void)state;
	gmi_memory_sink_init(&whole);
	expect_success(write_some(&whole.sink, &err), &err);
	for (size_t room = 0; room < whole.length; room++) {
		struct small_disk disk = { { write_to_small_disk }, room };

		expect_refusal(write_some(&disk.sink, &err), &err, GMI_E_CLIENT);
	}
	gmi_memory_sink_release(&whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_stand_in_the_order_of_the_format),
		cmocka_unit_test(the_media_type_stands_where_file_looks_for_it),
		cmocka_unit_test(frames_of_a_volume_one_after_the_other_are_the_volume),
		cmocka_unit_test(the_same_calls_give_the_same_bytes),
		cmocka_unit_test(zeros_are_joined_however_they_are_given),
		cmocka_unit_test(a_long_run_of_zeros_is_divided_from_its_beginning),
		cmocka_unit_test(the_root_hash_is_that_of_the_index),
		cmocka_unit_test(a_manifest_that_makes_no_sense_is_refused),
		cmocka_unit_test(a_full_disk_is_told_at_whatever_byte_it_is_full),
	};

	return cmocka_run_group_tests_name("format/writer", tests, NULL, NULL);
}
