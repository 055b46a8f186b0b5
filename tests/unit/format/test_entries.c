/*
 * Names of chunk entries, and the entries held against the index: each chunk has to be there
 * exactly once and as what the index says.
 */
#include "../unit.h"

#include "../support/expect.h"

#include "base/cleanup.h"
#include "format/entries.h"
#include "format/names.h"
#include "format/zero_frame.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define CHUNK 65536u

/* "a": chunk 0 data, 1 and 2 zeros, 3 data; "b": 4098 chunks of zeros and 7 bytes more. */
static struct gmi_manifest_volume volumes[] = {
	{ .name = "a", .length = 4 * CHUNK },
	{ .name = "b", .offset = 4 * CHUNK, .length = 4098ULL * CHUNK + 7 },
};
static const struct gmi_manifest manifest = {
	.version = GMI_FORMAT_VERSION,
	.chunk_length = CHUNK,
	.volumes = volumes,
	.volume_count = 2,
};

/* An entry as the directory gives it; zeros are frames of that many zeros. */
struct row {
	const char *name;
	uint64_t zeros;  /* or, if 0, ... */
	uint64_t length; /* ... of a frame of data */
};

#define A0 \
	{ \
		"volumes/a/00000000.zst", 0, 50 \
	}
#define A1 \
	{ \
		"volumes/a/00000001.zst", 2 * CHUNK, 0 \
	}
#define A3 \
	{ \
		"volumes/a/00000003.zst", 0, 60 \
	}
#define B0 \
	{ \
		"volumes/b/00000000.zst", 4096ULL * CHUNK, 0 \
	}
#define B4096 \
	{ \
		"volumes/b/00004096.zst", 2 * CHUNK + 7, 0 \
	}

#define ROWS 7

struct list {
	const char *name;
	struct row rows[ROWS]; /* until a name is missing */
};

static const struct list sound = { "sound", { A0, A1, A3, B0, B4096 } };

static struct gmi_zip_entry entry_of(const struct row *row)
{
	struct gmi_zip_entry entry = { .length = row->length, .crc = 0x1234 };
	GMI_AUTO_FREE uint8_t *frame = NULL;

	strcpy(entry.name, row->name);
	if (row->zeros) {
		entry.length = gmi_zero_frame_length(row->zeros);
		frame = malloc((size_t)entry.length);
		assert_non_null(frame);
		gmi_zero_frame_make(row->zeros, frame);
		entry.crc = gmi_crc32(0, frame, (size_t)entry.length);
	}
	return entry;
}

static struct gmi_index *index_of_both(void)
{
	static const uint8_t hash[GMI_SHA256_LENGTH];
	uint8_t manifest_hash[GMI_SHA256_LENGTH] = { 0 };
	struct gmi_extents used = GMI_EXTENTS_EMPTY;
	struct gmi_memory_sink bytes;
	struct gmi_index *index;
	struct gmi_error err;

	gmi_memory_sink_init(&bytes);
	expect_success(gmi_index_new(&index, &manifest, &err), &err);
	expect_success(gmi_index_begin_volume(index, &used, &err), &err);
	expect_success(gmi_index_add_data(index, hash, &err), &err);
	expect_success(gmi_index_add_zeros(index, 2, &err), &err);
	expect_success(gmi_index_add_data(index, hash, &err), &err);
	expect_success(gmi_index_begin_volume(index, &used, &err), &err);
	expect_success(gmi_index_add_zeros(index, 4099, &err), &err);
	expect_success(gmi_index_encode(index, manifest_hash, &bytes.sink, &err), &err);
	gmi_index_free(index);
	/* Takes the bytes. */
	expect_success(
		gmi_index_parse(bytes.data, bytes.length, &manifest, manifest_hash, &index, &err),
		&err);
	return index;
}

/* Adds all rows, then holds them against the index. */
static int check(const struct list *list, struct gmi_entries *entries, struct gmi_error *err)
{
	struct gmi_index *index = index_of_both();
	int result = gmi_entries_init(entries, &manifest, err);

	for (size_t i = 0; result == 0 && i < ROWS && list->rows[i].name; i++) {
		struct gmi_zip_entry entry = entry_of(&list->rows[i]);

		entry.offset = i * 1000;
		result = gmi_entries_add(entries, &manifest, &entry, err);
	}
	if (result == 0)
		result = gmi_entries_check(entries, &manifest, index, err);
	gmi_index_free(index);
	return result;
}

static const struct list refused[] = {
	{ "no_entry_at_all", { { NULL, 0, 0 } } },
	{ "a_chunk_of_data_is_missing_at_the_beginning", { A1, A3, B0, B4096 } },
	{ "a_chunk_of_data_is_missing_at_the_end", { A0, A1, B0, B4096 } },
	{ "a_run_of_zeros_is_missing", { A0, A3, B0, B4096 } },
	{ "the_rest_of_a_long_run_is_missing", { A0, A1, A3, B0 } },
	{ "a_whole_volume_is_missing", { A0, A1, A3 } },
	{ "a_chunk_is_there_twice", { A0, A0, A1, A3, B0, B4096 } },
	{ "a_run_of_zeros_is_there_twice", { A0, A1, A1, A3, B0, B4096 } },
	{ "chunks_are_out_of_order", { A0, A3, A1, B0, B4096 } },
	{ "volumes_are_out_of_order", { B0, B4096, A0, A1, A3 } },
	{ "a_volume_goes_on_later", { A0, A1, B0, B4096, A3 } },
	{ "data_where_zeros_are_indexed",
	  { A0, { "volumes/a/00000001.zst", 0, 50 }, A3, B0, B4096 } },
	{ "zeros_too_few", { A0, { "volumes/a/00000001.zst", CHUNK, 0 }, A3, B0, B4096 } },
	{ "zeros_too_many", { A0, { "volumes/a/00000001.zst", 3 * CHUNK, 0 }, A3, B0, B4096 } },
	{ "zeros_one_byte_too_few_with_a_frame_as_long",
	  { A0, { "volumes/a/00000001.zst", 2 * CHUNK - 1, 0 }, A3, B0, B4096 } },
	{ "zeros_that_go_on_behind_the_volume",
	  { A0, A1, A3, B0, { "volumes/b/00004096.zst", 3 * CHUNK, 0 } } },
	{ "a_long_run_divided_elsewhere",
	  { A0,
	    A1,
	    A3,
	    { "volumes/b/00000000.zst", 4095ULL * CHUNK, 0 },
	    { "volumes/b/00004095.zst", 3 * CHUNK + 7, 0 } } },
	{ "zeros_that_are_an_entry_each",
	  { A0,
	    { "volumes/a/00000001.zst", CHUNK, 0 },
	    { "volumes/a/00000002.zst", CHUNK, 0 },
	    A3,
	    B0,
	    B4096 } },
	{ "a_chunk_behind_the_volume",
	  { A0, A1, A3, { "volumes/a/00000004.zst", 0, 9 }, B0, B4096 } },
	{ "the_largest_number_of_a_chunk",
	  { A0, A1, A3, { "volumes/a/18446744073709551615.zst", 0, 9 }, B0, B4096 } },
	{ "a_number_beyond_64_bits",
	  { A0, A1, A3, { "volumes/a/18446744073709551616.zst", 0, 9 }, B0, B4096 } },
	{ "a_frame_longer_than_its_chunk_can_need",
	  { { "volumes/a/00000000.zst", 0, CHUNK + 2000 }, A1, A3, B0, B4096 } },
	{ "a_frame_longer_than_any",
	  { { "volumes/a/00000000.zst", 0, 5ULL << 32 }, A1, A3, B0, B4096 } },
	{ "a_volume_that_is_not_in_the_manifest", { { "volumes/c/00000000.zst", 0, 9 } } },
	{ "a_volume_whose_name_only_begins_alike", { { "volumes/aa/00000000.zst", 0, 9 } } },
	{ "a_name_going_up", { { "volumes/../00000000.zst", 0, 9 } } },
	{ "a_name_going_up_behind_the_volume", { { "volumes/a/../a/00000000.zst", 0, 9 } } },
	{ "a_name_without_a_number", { { "volumes/a/.zst", 0, 9 } } },
	{ "a_name_of_the_folder_alone", { { "volumes/a/", 0, 0 } } },
	{ "a_name_without_a_slash", { { "volumes/a", 0, 9 } } },
	{ "a_name_of_volumes_alone", { { "volumes/", 0, 0 } } },
	{ "a_number_too_short", { { "volumes/a/0000000.zst", 0, 9 } } },
	{ "a_number_padded_too_far", { { "volumes/a/000000000.zst", 0, 9 } } },
	{ "a_number_with_a_sign", { { "volumes/a/+0000000.zst", 0, 9 } } },
	{ "a_name_without_ending", { { "volumes/a/00000000", 0, 9 } } },
	{ "a_name_with_another_ending", { { "volumes/a/00000000.zstd", 0, 9 } } },
	{ "a_name_in_hexadecimal", { { "volumes/a/0000000a.zst", 0, 9 } } },
};

static void list_is_refused(void **state)
{
	struct gmi_entries entries;
	struct gmi_error err;

	expect_refusal(check(*state, &entries, &err), &err, GMI_E_DAMAGED);
	gmi_entries_release(&entries);
}

static void sound_entries_are_accepted_and_found(void **state)
{
	struct gmi_entries entries;
	struct gmi_error err;

	(void)state;
	expect_success(check(&sound, &entries, &err), &err);
	assert_int_equal(gmi_entries_find(&entries, 0, 0)->offset, 0);
	assert_int_equal(gmi_entries_find(&entries, 0, 3)->offset, 2000);
	assert_int_equal(gmi_entries_find(&entries, 0, 3)->length, 60);
	assert_int_equal(gmi_entries_find(&entries, 1, 4096)->offset, 4000);
	/* Chunks within a run have no entry of their own. */
	assert_null(gmi_entries_find(&entries, 0, 2));
	assert_null(gmi_entries_find(&entries, 1, 4097));
	assert_null(gmi_entries_find(&entries, 0, UINT64_MAX));
	gmi_entries_release(&entries);
}

static void a_frame_as_long_as_zstd_may_need_is_accepted(void **state)
{
	struct list list = sound;
	struct gmi_entries entries;
	struct gmi_error err;

	(void)state;
	list.rows[0].length = ZSTD_compressBound(CHUNK);
	expect_success(check(&list, &entries, &err), &err);
	gmi_entries_release(&entries);
	list.rows[0].length++;
	expect_refusal(check(&list, &entries, &err), &err, GMI_E_DAMAGED);
	gmi_entries_release(&entries);
}

static void names_have_at_least_eight_digits(void **state)
{
	char name[GMI_ENTRY_NAME_LENGTH];

	(void)state;
	gmi_chunk_entry_name("data", 7, name);
	assert_string_equal(name, "volumes/data/00000007.zst");
	gmi_chunk_entry_name("data", 123456789, name);
	assert_string_equal(name, "volumes/data/123456789.zst");
	gmi_chunk_entry_name("a23456789-123456789-123456789-123456789-123456789-123456789-123",
			     UINT64_MAX, name);
	assert_int_equal(strlen(name), GMI_ENTRY_NAME_LENGTH - 2);
	assert_string_equal(name + strlen(name) - 4, ".zst");
}

#define REFUSED (sizeof(refused) / sizeof(refused[0]))

int main(void)
{
	const struct CMUnitTest others[] = {
		cmocka_unit_test(sound_entries_are_accepted_and_found),
		cmocka_unit_test(a_frame_as_long_as_zstd_may_need_is_accepted),
		cmocka_unit_test(names_have_at_least_eight_digits),
	};
	struct CMUnitTest tests[REFUSED + sizeof(others) / sizeof(others[0])];

	for (size_t i = 0; i < REFUSED; i++)
		tests[i] = (struct CMUnitTest){ .name = refused[i].name,
						.test_func = list_is_refused,
						.initial_state = (void *)&refused[i] };
	memcpy(tests + REFUSED, others, sizeof(others));
	return cmocka_run_group_tests_name("format/entries", tests, NULL, NULL);
}
