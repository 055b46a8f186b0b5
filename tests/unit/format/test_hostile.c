/*
 * Files whose container is sound and whose contents are not: each case changes the entries of a
 * sound file and says who has to refuse it. What opening accepts may be trusted in structure, so
 * all that is wrong with the tables is refused there; a chunk's bytes are refused when they are
 * fetched; what is neither is found by gmi_verify().
 */
#include "../unit.h"

#include "../support/expect.h"
#include "../support/parts.h"
#include "../support/recorder.h"
#include "../support/sample.h"

#include "base/checked.h"
#include "base/cleanup.h"
#include "format/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define CHUNK 65536u
#define DATA_ENTRY "volumes/system0/00000001.zst"
#define OTHER_DATA_ENTRY "volumes/system0/00000005.zst"
#define ZEROS_ENTRY "volumes/system0/00000002.zst"

enum stage { OPENING, FETCHING, VERIFYING, NOBODY };

static void sound_parts(struct parts *parts)
{
	struct gmi_memory_source source;
	struct gmi_memory_sink file;

	sample_file(&sample_small, &file, &source);
	parts_of(parts, &source.source);
	gmi_memory_sink_release(&file);
}

/* Who refuses it. Every refusal is one of damage. */
static enum stage refused_by(struct gmi_source *source)
{
	enum stage stage = OPENING;
	struct sample_image image;
	struct gmi_reader *reader;
	struct gmi_error err;
	int result = gmi_reader_open(&reader, source, &err);

	if (result == 0) {
		stage = FETCHING;
		sample_image_init(&image, &sample_small);
		result = sample_read(&sample_small, &image, reader, &err);
		sample_image_release(&image);
	}
	if (result == 0) {
		stage = VERIFYING;
		result = gmi_verify(reader, 1, NULL, &err);
	}
	if (result == 0)
		stage = NOBODY;
	else
		expect_refusal(result, &err, GMI_E_DAMAGED);
	gmi_reader_free(reader);
	return stage;
}

/* The index names the manifest's hash: makes it do so again. */
static void bind_manifest(struct parts *parts)
{
	struct gmi_hasher *hasher;
	struct gmi_error err;

	expect_success(gmi_hasher_new(&hasher, &err), &err);
	gmi_hasher_once(hasher, parts->list[1].data, parts->list[1].length,
			parts->list[parts_find(parts, "index")].data + 16);
	gmi_hasher_free(hasher);
}

static void replace_in_manifest(struct parts *parts, const char *from, const char *to)
{
	char text[10000];
	const char *at;
	int length;

	parts->list[1].data[parts->list[1].length] = '\0';
	at = strstr((const char *)parts->list[1].data, from);
	assert_non_null(at);
	length = snprintf(text, sizeof(text), "%.*s%s%s",
			  (int)(at - (const char *)parts->list[1].data), parts->list[1].data, to,
			  at + strlen(from));
	parts_replace(parts, 1, text, (size_t)length);
}

/* ---- the changes ---- */

static void nothing(struct parts *parts)
{
	(void)parts;
}

static void drop_mimetype(struct parts *parts)
{
	parts_remove(parts, 0);
}

static void drop_manifest(struct parts *parts)
{
	parts_remove(parts, 1);
}

static void drop_index(struct parts *parts)
{
	parts_remove(parts, parts_find(parts, "index"));
}

static void drop_data(struct parts *parts)
{
	parts_remove(parts, parts_find(parts, DATA_ENTRY));
}

static void drop_zeros(struct parts *parts)
{
	parts_remove(parts, parts_find(parts, ZEROS_ENTRY));
}

static void repeat(struct parts *parts, const char *name, size_t at)
{
	size_t from = parts_find(parts, name);
	uint8_t copy[4096];
	size_t length = parts->list[from].length;

	assert_true(length <= sizeof(copy));
	memcpy(copy, parts->list[from].data, length);
	parts_insert(parts, at, name, copy, length);
}

static void repeat_manifest(struct parts *parts)
{
	repeat(parts, "manifest.json", 2);
}

static void repeat_index(struct parts *parts)
{
	repeat(parts, "index", parts->count);
}

static void repeat_zeros(struct parts *parts)
{
	repeat(parts, ZEROS_ENTRY, parts_find(parts, ZEROS_ENTRY));
}

static void index_before_the_last_volume(struct parts *parts)
{
	repeat(parts, "index", parts->count - 2);
	parts_remove(parts, parts->count - 1);
}

static void unknown_entry_first(struct parts *parts)
{
	parts_insert(parts, 2, "readme", "hello", 5);
}

static void unknown_entry_last(struct parts *parts)
{
	parts_insert(parts, parts->count, "readme", "hello", 5);
}

static void entry_going_up(struct parts *parts)
{
	parts_insert(parts, parts->count, "../../etc/passwd", "root", 4);
}

static void signature_unannounced(struct parts *parts)
{
	parts_insert(parts, parts->count, "index.minisig", "signature", 9);
}

static void announce_signature(struct parts *parts)
{
	replace_in_manifest(parts, "\"signature\": \"none\"", "\"signature\": \"minisign\"");
	bind_manifest(parts);
}

static void add_signature(struct parts *parts)
{
	announce_signature(parts);
	signature_unannounced(parts);
}

static void signature_too_long(struct parts *parts)
{
	static const uint8_t text[GMI_SIGNATURE_LENGTH_MAX + 1];

	announce_signature(parts);
	parts_insert(parts, parts->count, "index.minisig", text, sizeof(text));
}

static void alter_manifest(struct parts *parts)
{
	replace_in_manifest(parts, "BactoBox", "BactoFox");
}

static void other_device_in_manifest(struct parts *parts)
{
	replace_in_manifest(parts, "bb2241039", "bb2241040");
}

static void smaller_chunks_in_manifest(struct parts *parts)
{
	replace_in_manifest(parts, "\"chunk_length\": 65536", "\"chunk_length\": 131072");
	bind_manifest(parts);
}

static void manifest_too_long(struct parts *parts)
{
	char *text = malloc(GMI_MANIFEST_LENGTH_MAX + 1);

	assert_non_null(text);
	memset(text, ' ', GMI_MANIFEST_LENGTH_MAX + 1);
	memcpy(text, parts->list[1].data, parts->list[1].length);
	parts_replace(parts, 1, text, GMI_MANIFEST_LENGTH_MAX + 1);
	bind_manifest(parts);
	free(text);
}

static void empty_index(struct parts *parts)
{
	parts_replace(parts, parts_find(parts, "index"), "", 0);
}

static void zeros_altered(struct parts *parts)
{
	parts->list[parts_find(parts, ZEROS_ENTRY)].data[14] ^= 1;
}

static void zeros_where_data_was(struct parts *parts)
{
	size_t from = parts_find(parts, ZEROS_ENTRY);

	parts_replace(parts, parts_find(parts, DATA_ENTRY), parts->list[from].data,
		      parts->list[from].length);
}

static void frame_of_another_chunk(struct parts *parts)
{
	size_t from = parts_find(parts, OTHER_DATA_ENTRY);

	parts_replace(parts, parts_find(parts, DATA_ENTRY), parts->list[from].data,
		      parts->list[from].length);
}

static void empty_frame(struct parts *parts)
{
	parts_replace(parts, parts_find(parts, DATA_ENTRY), "", 0);
}

static void frame_of_garbage(struct parts *parts)
{
	parts_replace(parts, parts_find(parts, DATA_ENTRY), "this is no frame at all", 23);
}

static void frame_cut_short(struct parts *parts)
{
	parts->list[parts_find(parts, DATA_ENTRY)].length--;
}

static void append_to_frame(struct parts *parts, const void *data, size_t length)
{
	struct part *part = &parts->list[parts_find(parts, DATA_ENTRY)];
	uint8_t joined[40000];

	assert_true(part->length + length <= sizeof(joined));
	memcpy(joined, part->data, part->length);
	memcpy(joined + part->length, data, length);
	parts_replace(parts, parts_find(parts, DATA_ENTRY), joined, part->length + length);
}

static void frame_with_a_byte_behind(struct parts *parts)
{
	append_to_frame(parts, "", 1);
}

static void frame_with_a_skippable_frame_behind(struct parts *parts)
{
	append_to_frame(parts, "\x50\x2a\x4d\x18\4\0\0\0evil", 12);
}

static void frame_with_a_frame_of_nothing_behind(struct parts *parts)
{
	uint8_t frame[64];

	append_to_frame(parts, frame, ZSTD_compress(frame, sizeof(frame), "", 0, 1));
}

/* A thousand bytes of frame that say they are a tebibyte. */
static void bomb(struct parts *parts)
{
	uint8_t frame[1000] = { 0x28, 0xb5, 0x2f, 0xfd, 0xc0, 0x38 };

	gmi_put_le64(frame + 6, 1ULL << 40);
	for (size_t at = 14; at + 4 <= sizeof(frame); at += 4)
		gmi_put_le32(frame + at, 2 | (128u << 10) << 3);
	parts_replace(parts, parts_find(parts, DATA_ENTRY), frame, sizeof(frame));
}

/* Says it is a chunk, and decodes to much more. */
static void bomb_that_says_it_is_a_chunk(struct parts *parts)
{
	bomb(parts);
	gmi_put_le64(parts->list[parts_find(parts, DATA_ENTRY)].data + 6, CHUNK);
}

static void frame_that_wants_a_window_of_two_gib(struct parts *parts)
{
	struct part *part = &parts->list[parts_find(parts, DATA_ENTRY)];

	bomb_that_says_it_is_a_chunk(parts);
	part->data[5] = 21 << 3;
}

static void frame_without_its_length(struct parts *parts)
{
	uint8_t plain[CHUNK];
	uint8_t frame[CHUNK];
	ZSTD_CCtx *zstd = ZSTD_createCCtx();
	size_t length;

	assert_true(sample_plain(&sample_small, 1, 1, plain));
	ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, 0);
	length = ZSTD_compress2(zstd, frame, sizeof(frame), plain, sizeof(plain));
	assert_false(ZSTD_isError(length));
	ZSTD_freeCCtx(zstd);
	parts_replace(parts, parts_find(parts, DATA_ENTRY), frame, length);
}

struct change {
	const char *name;
	void (*change)(struct parts *parts);
	enum stage stage;
};

static const struct change changes[] = {
	{ "the_file_as_it_was_is_accepted", nothing, NOBODY },
	{ "a_signed_file_is_accepted", add_signature, NOBODY },
	{ "the_manifest_is_missing", drop_manifest, OPENING },
	{ "the_index_is_missing", drop_index, OPENING },
	{ "a_chunk_of_data_is_missing", drop_data, OPENING },
	{ "a_run_of_zeros_is_missing", drop_zeros, OPENING },
	{ "the_manifest_is_there_twice", repeat_manifest, OPENING },
	{ "the_index_is_there_twice", repeat_index, OPENING },
	{ "a_run_of_zeros_is_there_twice", repeat_zeros, OPENING },
	{ "the_index_stands_before_a_chunk", index_before_the_last_volume, OPENING },
	{ "an_unknown_entry_before_the_volumes", unknown_entry_first, OPENING },
	{ "an_unknown_entry_behind_the_index", unknown_entry_last, OPENING },
	{ "an_entry_whose_name_goes_up", entry_going_up, OPENING },
	{ "a_signature_that_the_manifest_does_not_announce", signature_unannounced, OPENING },
	{ "a_signature_that_is_announced_and_missing", announce_signature, OPENING },
	{ "a_signature_too_long", signature_too_long, OPENING },
	{ "an_altered_manifest", alter_manifest, OPENING },
	{ "the_manifest_of_another_device", other_device_in_manifest, OPENING },
	{ "a_manifest_of_other_chunks", smaller_chunks_in_manifest, OPENING },
	{ "a_manifest_too_long", manifest_too_long, OPENING },
	{ "an_empty_index", empty_index, OPENING },
	{ "zeros_that_are_none", zeros_altered, OPENING },
	{ "zeros_where_data_was", zeros_where_data_was, FETCHING },
	{ "the_frame_of_another_chunk", frame_of_another_chunk, FETCHING },
	{ "an_empty_frame", empty_frame, FETCHING },
	{ "a_frame_of_garbage", frame_of_garbage, FETCHING },
	{ "a_frame_cut_short", frame_cut_short, FETCHING },
	{ "a_frame_with_a_byte_behind", frame_with_a_byte_behind, FETCHING },
	{ "a_frame_with_a_skippable_frame_behind", frame_with_a_skippable_frame_behind, FETCHING },
	{ "a_frame_with_a_frame_of_nothing_behind", frame_with_a_frame_of_nothing_behind,
	  FETCHING },
	{ "a_bomb_of_a_tebibyte", bomb, FETCHING },
	{ "a_bomb_that_says_it_is_a_chunk", bomb_that_says_it_is_a_chunk, FETCHING },
	{ "a_frame_that_wants_a_window_of_two_gib", frame_that_wants_a_window_of_two_gib,
	  FETCHING },
	{ "a_frame_without_its_length", frame_without_its_length, FETCHING },
};

static void changed_file_is_refused(void **state)
{
	const struct change *change = *state;
	struct gmi_memory_source source;
	struct gmi_memory_sink file;
	struct parts parts;

	sound_parts(&parts);
	change->change(&parts);
	gmi_memory_sink_init(&file);
	parts_write(&parts, &file.sink);
	gmi_memory_source_init(&source, file.data, file.length);
	assert_int_equal(refused_by(&source.source), change->stage);
	gmi_memory_sink_release(&file);
	parts_release(&parts);
}

static void a_file_without_media_type_is_no_gmi(void **state)
{
	struct gmi_memory_source source;
	struct gmi_memory_sink file;
	struct gmi_reader *reader;
	struct parts parts;
	struct gmi_error err;

	(void)state;
	sound_parts(&parts);
	drop_mimetype(&parts);
	gmi_memory_sink_init(&file);
	parts_write(&parts, &file.sink);
	gmi_memory_source_init(&source, file.data, file.length);
	expect_refusal(gmi_reader_open(&reader, &source.source, &err), &err, GMI_E_NOT_GMI);
	gmi_memory_sink_release(&file);
	parts_release(&parts);
}

/* The generator of CRC-32, in the order of its bits: added anywhere, it leaves the sum as it is. */
static const uint8_t unseen_by_crc[5] = { 0x41, 0x06, 0x71, 0xdb, 0x01 };

static enum stage alter_unseen_by_crc(const char *name, size_t at)
{
	struct gmi_memory_source source;
	struct gmi_memory_sink file;
	struct parts parts;
	struct part *part;
	enum stage stage;
	uint32_t before;

	sound_parts(&parts);
	part = &parts.list[parts_find(&parts, name)];
	before = gmi_crc32(0, part->data, part->length);
	for (size_t i = 0; i < 5; i++)
		part->data[at + i] ^= unseen_by_crc[i];
	assert_int_equal(gmi_crc32(0, part->data, part->length), before);
	gmi_memory_sink_init(&file);
	parts_write(&parts, &file.sink);
	gmi_memory_source_init(&source, file.data, file.length);
	stage = refused_by(&source.source);
	gmi_memory_sink_release(&file);
	parts_release(&parts);
	return stage;
}

static void data_altered_unseen_by_crc_is_found_by_its_hash(void **state)
{
	(void)state;
	assert_int_equal(alter_unseen_by_crc(DATA_ENTRY, 300), FETCHING);
}

static void zeros_altered_unseen_by_crc_are_found_by_verifying(void **state)
{
	(void)state;
	/* A restore takes zeros from the index and never reads this frame; unzip would. */
	assert_int_equal(alter_unseen_by_crc(ZEROS_ENTRY, 14), VERIFYING);
}

static void a_signature_altered_in_place_is_found_by_verifying(void **state)
{
	struct gmi_memory_source source;
	struct gmi_memory_sink file;
	struct parts parts;
	uint8_t *at;

	(void)state;
	sound_parts(&parts);
	add_signature(&parts);
	gmi_memory_sink_init(&file);
	parts_write(&parts, &file.sink);
	/* In its local header and behind it, not in the directory. */
	at = memmem(file.data, file.length, "index.minisigsignature", 22);
	assert_non_null(at);
	at[15] ^= 1;
	gmi_memory_source_init(&source, file.data, file.length);
	assert_int_equal(refused_by(&source.source), VERIFYING);
	gmi_memory_sink_release(&file);
	parts_release(&parts);
}

static void an_index_longer_than_anybody_takes_is_refused_unread(void **state)
{
	static const uint8_t block[1 << 20];
	struct gmi_zip_writer zip;
	struct gmi_reader *reader;
	struct recorder file;
	struct parts parts;
	struct gmi_error err;

	(void)state;
	sound_parts(&parts);
	recorder_init(&file);
	gmi_zip_writer_init(&zip, &file.sink);
	for (size_t i = 0; i + 1 < parts.count; i++)
		expect_success(gmi_zip_add(&zip, parts.list[i].name, parts.list[i].data,
					   parts.list[i].length, &err),
			       &err);
	expect_success(gmi_zip_begin(&zip, "index", 5ULL << 30, 0, &err), &err);
	for (int i = 0; i < 5 << 10; i++)
		expect_success(gmi_zip_data(&zip, block, sizeof(block), &err), &err);
	expect_success(gmi_zip_finish(&zip, &err), &err);
	expect_refusal(gmi_reader_open(&reader, &file.source, &err), &err, GMI_E_DAMAGED);
	/* Its CRC-32 is wrong as well, but nobody got that far. */
	assert_string_equal(err.message, "the file is damaged: its index is too long");
	gmi_zip_writer_release(&zip);
	recorder_release(&file);
	parts_release(&parts);
}

#define CHANGES (sizeof(changes) / sizeof(changes[0]))

int main(void)
{
	const struct CMUnitTest others[] = {
		cmocka_unit_test(a_file_without_media_type_is_no_gmi),
		cmocka_unit_test(data_altered_unseen_by_crc_is_found_by_its_hash),
		cmocka_unit_test(zeros_altered_unseen_by_crc_are_found_by_verifying),
		cmocka_unit_test(a_signature_altered_in_place_is_found_by_verifying),
		cmocka_unit_test(an_index_longer_than_anybody_takes_is_refused_unread),
	};
	struct CMUnitTest tests[CHANGES + sizeof(others) / sizeof(others[0])];

	for (size_t i = 0; i < CHANGES; i++)
		tests[i] = (struct CMUnitTest){ .name = changes[i].name,
						.test_func = changed_file_is_refused,
						.initial_state = (void *)&changes[i] };
	memcpy(tests + CHANGES, others, sizeof(others));
	return cmocka_run_group_tests_name("format/hostile", tests, NULL, NULL);
}
