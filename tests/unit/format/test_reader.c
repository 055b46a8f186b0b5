/*
 * Opening, fetching, looking things up, and a volume as a source. Cases that change the file take
 * it apart and put it together again, so that its container is sound (support/parts.h).
 */
#include "../unit.h"

#include "../support/expect.h"
#include "../support/parts.h"
#include "../support/random.h"
#include "../support/sample.h"

#include "base/cleanup.h"
#include "format/reader.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 65536u

struct opened {
	struct sample_image image;
	struct gmi_memory_sink file;
	struct gmi_memory_source source;
	struct gmi_reader *reader;
};

static int open_sample(void **state)
{
	struct opened *opened = calloc(1, sizeof(*opened));
	struct gmi_error err;

	assert_non_null(opened);
	sample_image_init(&opened->image, &sample_small);
	sample_file(&sample_small, &opened->file, &opened->source);
	expect_success(gmi_reader_open(&opened->reader, &opened->source.source, &err), &err);
	*state = opened;
	return 0;
}

static int close_sample(void **state)
{
	struct opened *opened = *state;

	gmi_reader_free(opened->reader);
	gmi_memory_sink_release(&opened->file);
	sample_image_release(&opened->image);
	free(opened);
	return 0;
}

static void every_chunk_comes_back(void **state)
{
	struct opened *opened = *state;
	struct gmi_error err;

	expect_success(sample_read(&sample_small, &opened->image, opened->reader, &err), &err);
	assert_string_equal(gmi_reader_manifest(opened->reader)->device_id, "bb2241039");
}

static void the_root_hash_is_the_writers(void **state)
{
	struct opened *opened = *state;
	uint8_t root[GMI_SHA256_LENGTH];
	struct gmi_memory_sink again;

	gmi_memory_sink_init(&again);
	sample_write(&sample_small, &again.sink, root);
	assert_memory_equal(gmi_reader_root_hash(opened->reader), root, sizeof(root));
	gmi_memory_sink_release(&again);
}

static void the_used_map_comes_back(void **state)
{
	struct opened *opened = *state;

	for (uint32_t i = 0; i < sample_small.volume_count; i++) {
		const struct gmi_extents *found =
			gmi_index_used(gmi_reader_index(opened->reader), i);
		struct gmi_extents expected;

		sample_used(&sample_small, i, &expected);
		assert_int_equal(found->count, expected.count);
		for (size_t j = 0; j < expected.count; j++)
			assert_memory_equal(&found->list[j], &expected.list[j],
					    sizeof(*expected.list));
		gmi_extents_release(&expected);
	}
}

static void a_chunks_place_holds_its_header_and_frame(void **state)
{
	struct opened *opened = *state;
	uint64_t offset;
	uint32_t length;
	struct parts parts;
	size_t at;

	gmi_reader_locate(opened->reader, 1, 5, &offset, &length);
	parts_of(&parts, &opened->source.source);
	at = parts_find(&parts, "volumes/system0/00000005.zst");
	assert_int_equal(length, 30 + strlen(parts.list[at].name) + parts.list[at].length);
	assert_memory_equal(opened->file.data + offset, "PK\3\4", 4);
	assert_memory_equal(opened->file.data + offset + length - parts.list[at].length,
			    parts.list[at].data, parts.list[at].length);
	parts_release(&parts);
}

static void volumes_are_found_by_name(void **state)
{
	struct opened *opened = *state;
	uint32_t volume;
	struct gmi_error err;

	expect_success(gmi_reader_find_volume(opened->reader, "config", &volume, &err), &err);
	assert_int_equal(volume, 2);
	expect_refusal(gmi_reader_find_volume(opened->reader, "conf", &volume, &err), &err,
		       GMI_E_NOT_FOUND);
	assert_string_equal(err.message, "the file has no volume conf; it has: table system0 "
					 "config spare end flash");
}

/* ---- a volume as a source ---- */

static void a_volume_reads_at_any_place(void **state)
{
	struct opened *opened = *state;
	struct random random = { 3 };
	struct gmi_error err;

	for (uint32_t i = 0; i < sample_small.volume_count; i++) {
		const uint8_t *expected = opened->image.volumes[i];
		GMI_AUTO_FREE uint8_t *found = malloc(10 * CHUNK);
		struct gmi_source *source;

		assert_non_null(found);
		expect_success(gmi_volume_source_new(&source, opened->reader, i, &err), &err);
		assert_int_equal(source->length, sample_small.volumes[i].length);
		for (int j = 0; j < 50; j++) {
			uint64_t offset = random_below(&random, source->length + 1);
			size_t length = random_below(&random, source->length - offset + 1);

			expect_success(gmi_source_read(source, offset, found, length, &err), &err);
			assert_memory_equal(found, expected + offset, length);
		}
		gmi_volume_source_free(source);
	}
}

/* More chunks than the cache holds, so that each has to make room for another. */
static void a_volume_longer_than_the_cache_reads_right(void **state)
{
	struct sample_chunk chunks[40];
	const struct sample_volume volume = { "long", "raw", 0, 40 * CHUNK, chunks, 40 };
	const struct sample sample = { CHUNK, &volume, 1 };
	GMI_AUTO_FREE uint8_t *expected = malloc(CHUNK);
	struct random random = { 4 };
	struct gmi_memory_source source;
	struct gmi_memory_sink file;
	struct gmi_source *plain;
	struct gmi_reader *reader;
	struct gmi_error err;

	(void)state;
	assert_non_null(expected);
	for (uint32_t i = 0; i < 40; i++)
		chunks[i] = (struct sample_chunk){ i, 0 };
	sample_file(&sample, &file, &source);
	expect_success(gmi_reader_open(&reader, &source.source, &err), &err);
	expect_success(gmi_volume_source_new(&plain, reader, 0, &err), &err);
	for (int i = 0; i < 400; i++) {
		uint64_t chunk = random_below(&random, 40);
		uint8_t found[100];

		expect_success(gmi_source_read(plain, chunk * CHUNK + 500, found, 100, &err), &err);
		assert_true(sample_plain(&sample, 0, chunk, expected));
		assert_memory_equal(found, expected + 500, 100);
	}
	gmi_volume_source_free(plain);
	gmi_reader_free(reader);
	gmi_memory_sink_release(&file);
}

struct browsing {
	struct gmi_source *source;
	const uint8_t *expected;
	uint64_t seed;
	bool right;
};

static void *browse(void *context)
{
	struct browsing *browsing = context;
	struct random random = { browsing->seed };
	struct gmi_error err;

	browsing->right = true;
	for (int i = 0; i < 200; i++) {
		uint64_t offset = random_below(&random, browsing->source->length - 3000);
		uint8_t found[3000];

		if (gmi_source_read(browsing->source, offset, found, sizeof(found), &err) < 0 ||
		    memcmp(found, browsing->expected + offset, sizeof(found)) != 0)
			browsing->right = false;
	}
	return NULL;
}

static void a_volume_reads_from_several_threads(void **state)
{
	struct opened *opened = *state;
	const uint8_t *expected = opened->image.volumes[1];
	struct browsing browsing[4];
	pthread_t threads[4];
	struct gmi_source *source;
	struct gmi_error err;

	expect_success(gmi_volume_source_new(&source, opened->reader, 1, &err), &err);
	for (uint64_t i = 0; i < 4; i++) {
		browsing[i] = (struct browsing){ source, expected, i, false };
		assert_int_equal(pthread_create(&threads[i], NULL, browse, &browsing[i]), 0);
	}
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_true(browsing[i].right);
	}
	gmi_volume_source_free(source);
}

static void a_damaged_chunk_is_told_and_the_rest_still_reads(void **state)
{
	struct opened *opened = *state;
	const uint8_t *expected = opened->image.volumes[1];
	struct gmi_source *source;
	uint8_t found[100];
	uint64_t offset;
	uint32_t length;
	struct gmi_error err;

	gmi_reader_locate(opened->reader, 1, 1, &offset, &length);
	opened->file.data[offset + length - 1] ^= 1;
	expect_success(gmi_volume_source_new(&source, opened->reader, 1, &err), &err);
	for (int i = 0; i < 2; i++) {
		expect_refusal(gmi_source_read(source, CHUNK, found, 100, &err), &err,
			       GMI_E_DAMAGED);
		assert_non_null(strstr(err.message, "chunk 1 of volume system0"));
		expect_success(gmi_source_read(source, CHUNK - 100, found, 100, &err), &err);
		assert_memory_equal(found, expected + CHUNK - 100, 100);
	}
	gmi_volume_source_free(source);
}

/* ---- what is no GMI, or a newer one ---- */

static void refuse_bytes(const void *bytes, size_t length, enum gmi_code code)
{
	struct gmi_memory_source source;
	struct gmi_reader *reader;
	struct gmi_error err;

	gmi_memory_source_init(&source, bytes, length);
	expect_refusal(gmi_reader_open(&reader, &source.source, &err), &err, code);
	assert_null(reader);
}

static void what_is_something_else_is_no_gmi(void **state)
{
	uint8_t bytes[5000];
	struct random random = { 5 };
	struct gmi_memory_sink zip;
	struct parts parts = { NULL, 0 };

	(void)state;
	refuse_bytes("", 0, GMI_E_NOT_GMI);
	refuse_bytes("PK\5\6", 4, GMI_E_NOT_GMI);
	memset(bytes, 0, sizeof(bytes));
	refuse_bytes(bytes, sizeof(bytes), GMI_E_NOT_GMI);
	random_fill(&random, bytes, sizeof(bytes));
	refuse_bytes(bytes, sizeof(bytes), GMI_E_NOT_GMI);

	parts_insert(&parts, 0, "mimetype", "application/epub+zip", 20);
	parts_insert(&parts, 1, "content", "a book", 6);
	gmi_memory_sink_init(&zip);
	parts_write(&parts, &zip.sink);
	refuse_bytes(zip.data, zip.length, GMI_E_NOT_GMI);
	gmi_memory_sink_release(&zip);
	parts_release(&parts);
}

static void a_newer_version_is_recognised_whatever_follows(void **state)
{
	static const char manifest[] = "{\"format\": \"gmi\", \"version\": 2, \"more\": [1, 2]}";
	struct parts parts = { NULL, 0 };
	struct gmi_memory_sink zip;

	(void)state;
	parts_insert(&parts, 0, "mimetype", GMI_MEDIA_TYPE, strlen(GMI_MEDIA_TYPE));
	parts_insert(&parts, 1, "manifest.json", manifest, strlen(manifest));
	parts_insert(&parts, 2, "something-new", "...", 3);
	gmi_memory_sink_init(&zip);
	parts_write(&parts, &zip.sink);
	refuse_bytes(zip.data, zip.length, GMI_E_VERSION);
	refuse_bytes(zip.data, zip.length - 20, GMI_E_VERSION); /* cut short as well */
	gmi_memory_sink_release(&zip);
	parts_release(&parts);
}

/* ---- a source that fails ---- */

struct broken_source {
	struct gmi_source source;
	struct gmi_source *behind;
	unsigned int reads_left;
};

static int read_broken(struct gmi_source *source, uint64_t offset, void *data, size_t length,
		       struct gmi_error *err)
{
	struct broken_source *broken = (struct broken_source *)source;

	if (broken->reads_left-- == 0)
		return gmi_fail(err, GMI_E_CLIENT, "the browser has gone");
	return gmi_source_read(broken->behind, offset, data, length, err);
}

static void what_the_source_refuses_is_passed_on(void **state)
{
	struct opened *opened = *state;
	struct gmi_reader *reader;
	struct gmi_error err;
	unsigned int reads = 0;

	for (;; reads++) {
		struct broken_source broken = { { read_broken, opened->source.source.length },
						&opened->source.source,
						reads };

		if (gmi_reader_open(&reader, &broken.source, &err) == 0) {
			/* Fetching reads once more, and now there is nothing left. */
			expect_refusal(sample_read(&sample_small, &opened->image, reader, &err),
				       &err, GMI_E_CLIENT);
			gmi_reader_free(reader);
			break;
		}
		expect_refusal(-1, &err, GMI_E_CLIENT);
	}
	/* Behind a cable each read is a round trip: mimetype, header and text of the manifest, end,
	 * directory, index. */
	assert_int_equal(reads, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_chunk_comes_back, open_sample, close_sample),
		cmocka_unit_test_setup_teardown(the_root_hash_is_the_writers, open_sample,
						close_sample),
		cmocka_unit_test_setup_teardown(the_used_map_comes_back, open_sample, close_sample),
		cmocka_unit_test_setup_teardown(a_chunks_place_holds_its_header_and_frame,
						open_sample, close_sample),
		cmocka_unit_test_setup_teardown(volumes_are_found_by_name, open_sample,
						close_sample),
		cmocka_unit_test_setup_teardown(a_volume_reads_at_any_place, open_sample,
						close_sample),
		cmocka_unit_test(a_volume_longer_than_the_cache_reads_right),
		cmocka_unit_test_setup_teardown(a_volume_reads_from_several_threads, open_sample,
						close_sample),
		cmocka_unit_test_setup_teardown(a_damaged_chunk_is_told_and_the_rest_still_reads,
						open_sample, close_sample),
		cmocka_unit_test(what_is_something_else_is_no_gmi),
		cmocka_unit_test(a_newer_version_is_recognised_whatever_follows),
		cmocka_unit_test_setup_teardown(what_the_source_refuses_is_passed_on, open_sample,
						close_sample),
	};

	return cmocka_run_group_tests_name("format/reader", tests, NULL, NULL);
}
