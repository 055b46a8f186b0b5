/*
 * tests/unit/data/golden-v1.gmi is a backup as the first gmi made it. It is never made again: every
 * later gmi has to read it, byte for byte, and to make the same file of the same device. If a case
 * fails here, the code is wrong, not the file. A new format version gets a golden file of its own.
 */
#include "../unit.h"

#include "golden.h"

#include "../support/expect.h"
#include "../support/parts.h"

#include "base/cleanup.h"
#include "format/verify.h"
#include "format/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LENGTH 35267
#define FILE_SHA256 "dbb2e697e8e322330d51c42f36f1256bdf191cbbc9f23efd82e4e8cf4cfdc59f"
#define ROOT_HASH "aee035871ab4ab3e362b863c68c26f10aa557bcc98d4df1c120c527e107dcc08"

/* What `unzip -p golden-v1.gmi 'volumes/table/ *' | zstd -dc | sha256sum` says (without the blank),
 * and so on. */
static const char *const volume_sha256[] = {
	"5f57c838f2a487996e84ad8c5aef9a4f0c0b011ea491d1286ccbe72cd9a2e90c", /* table */
	"40a1747b770ed3ba07d0ed568e016be158aa44030ab4ab7de180ff7f6d6f950c", /* system0 */
	"f698839e9122cd23cd377e9cc252ef0e43a753672df3dff71d7ba7cb1386962c", /* data */
	"709e80c88487a2411e1ee4dfb9f22a861492d20c4765150c0c794abd70f8147c", /* end */
	"9fd2f9e675f4572a322fcf7cba8e7df3cf403c7a5003a92d4172ac8e08b57b43", /* flash */
};

struct opened {
	struct gmi_file_source file;
	struct gmi_reader *reader;
};

static int open_golden(void **state)
{
	struct opened *opened = calloc(1, sizeof(*opened));
	const char *folder = getenv("GMI_TEST_DATA");
	char path[4096];
	struct gmi_error err;

	assert_non_null(opened);
	snprintf(path, sizeof(path), "%s/golden-v1.gmi", folder ? folder : "tests/unit/data");
	expect_success(gmi_file_source_open(&opened->file, path, &err), &err);
	expect_success(gmi_reader_open(&opened->reader, &opened->file.source, &err), &err);
	*state = opened;
	return 0;
}

static int close_golden(void **state)
{
	struct opened *opened = *state;

	gmi_reader_free(opened->reader);
	gmi_file_source_close(&opened->file);
	free(opened);
	return 0;
}

/* SHA-256 of all that a source holds, in hexadecimal. */
static void hash_source(struct gmi_source *source, char hex[GMI_SHA256_HEX])
{
	static uint8_t piece[1 << 20];
	uint8_t digest[GMI_SHA256_LENGTH];
	struct gmi_hasher *hasher;
	struct gmi_error err;

	expect_success(gmi_hasher_new(&hasher, &err), &err);
	gmi_hasher_begin(hasher);
	for (uint64_t at = 0; at < source->length; at += sizeof(piece)) {
		size_t length = source->length - at < sizeof(piece) ? (size_t)(source->length - at)
								    : sizeof(piece);

		expect_success(gmi_source_read(source, at, piece, length, &err), &err);
		gmi_hasher_update(hasher, piece, length);
	}
	gmi_hasher_end(hasher, digest);
	gmi_hasher_free(hasher);
	gmi_sha256_to_hex(digest, hex);
}

static void the_file_is_the_one_that_was_made_then(void **state)
{
	struct opened *opened = *state;
	char hex[GMI_SHA256_HEX];

	assert_int_equal(opened->file.source.length, FILE_LENGTH);
	hash_source(&opened->file.source, hex);
	assert_string_equal(hex, FILE_SHA256);
}

static void its_manifest_reads_as_it_was_written(void **state)
{
	struct opened *opened = *state;
	const struct gmi_manifest *manifest = gmi_reader_manifest(opened->reader);
	char hex[GMI_SHA256_HEX];

	assert_int_equal(manifest->version, 1);
	assert_int_equal(manifest->created, 1767966224);
	assert_string_equal(manifest->device_id, "bb2241039");
	assert_string_equal(manifest->model, "BactoBox");
	assert_string_equal(manifest->software, "v2026.02");
	assert_int_equal(manifest->chunk_length, 65536);
	assert_int_equal(manifest->disk_count, 2);
	assert_true(manifest->disks[1].flash);
	assert_int_equal(manifest->volume_count, 5);
	assert_string_equal(manifest->volumes[2].name, "data");
	assert_string_equal(manifest->volumes[2].content, "ext4");
	assert_string_equal(manifest->volumes[2].label, "Volume of data");
	assert_int_equal(manifest->volumes[2].length, 275252225);
	assert_int_equal(manifest->volumes[2].used, 49152 + 769);
	gmi_sha256_to_hex(gmi_reader_root_hash(opened->reader), hex);
	assert_string_equal(hex, ROOT_HASH);
}

static void its_volumes_read_byte_for_byte(void **state)
{
	struct opened *opened = *state;
	struct gmi_error err;

	for (uint32_t i = 0; i < 5; i++) {
		char hex[GMI_SHA256_HEX];
		struct gmi_source *volume;

		expect_success(gmi_volume_source_new(&volume, opened->reader, i, &err), &err);
		hash_source(volume, hex);
		assert_string_equal(hex, volume_sha256[i]);
		gmi_volume_source_free(volume);
	}
}

static void it_verifies(void **state)
{
	struct opened *opened = *state;
	struct gmi_error err;

	expect_success(gmi_verify(opened->reader, 2, NULL, &err), &err);
}

/* Writes the same device with the frames that the file holds: another zstd may compress otherwise,
 * and all else must come out the same. */
static void write_volume(struct opened *opened, const struct parts *parts, size_t *part,
			 uint32_t volume, struct gmi_writer *writer)
{
	const struct gmi_index *index = gmi_reader_index(opened->reader);
	uint64_t chunks = gmi_chunk_count(golden_volumes[volume].length, GOLDEN_CHUNK);
	struct gmi_error err;

	expect_success(gmi_writer_begin_volume(writer, gmi_index_used(index, volume), &err), &err);
	for (uint64_t chunk = 0; chunk < chunks;) {
		const uint8_t *hash = gmi_index_chunk(index, volume, chunk);
		uint64_t run = hash ? 1 : gmi_index_same_kind(index, volume, chunk);

		if (hash) {
			expect_success(gmi_writer_data(writer, parts->list[*part].data,
						       parts->list[*part].length, hash, &err),
				       &err);
			++*part;
		} else {
			expect_success(gmi_writer_zeros(writer, run, &err), &err);
			*part += (size_t)((run + GMI_ZERO_RUN_MAX - 1) / GMI_ZERO_RUN_MAX);
		}
		chunk += run;
	}
}

static void the_writer_still_makes_the_same_file(void **state)
{
	struct opened *opened = *state;
	GMI_CLEANUP(gmi_manifest_release) struct gmi_manifest manifest;
	GMI_AUTO_FREE uint8_t *expected = malloc(FILE_LENGTH);
	uint8_t root[GMI_SHA256_LENGTH];
	struct gmi_memory_sink again;
	struct gmi_writer *writer;
	struct parts parts;
	struct gmi_error err;
	size_t part = 2; /* behind mimetype and manifest.json */

	assert_non_null(expected);
	parts_of(&parts, &opened->file.source);
	gmi_memory_sink_init(&again);
	sample_manifest(&golden, &manifest);
	expect_success(gmi_writer_new(&writer, &again.sink, &manifest, &err), &err);
	for (uint32_t i = 0; i < 5; i++)
		write_volume(opened, &parts, &part, i, writer);
	assert_int_equal(part, parts.count - 1);
	expect_success(gmi_writer_finish(writer, root, &err), &err);
	gmi_writer_free(writer);

	assert_int_equal(again.length, FILE_LENGTH);
	expect_success(gmi_source_read(&opened->file.source, 0, expected, FILE_LENGTH, &err), &err);
	assert_memory_equal(again.data, expected, FILE_LENGTH);
	gmi_memory_sink_release(&again);
	parts_release(&parts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_file_is_the_one_that_was_made_then),
		cmocka_unit_test(its_manifest_reads_as_it_was_written),
		cmocka_unit_test(its_volumes_read_byte_for_byte),
		cmocka_unit_test(it_verifies),
		cmocka_unit_test(the_writer_still_makes_the_same_file),
	};

	return cmocka_run_group_tests_name("format/golden", tests, open_golden, close_golden);
}
