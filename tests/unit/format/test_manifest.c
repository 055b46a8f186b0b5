/* manifest.json as a whole: what is written and read, versions, counts, what is no JSON at all. Its
 * members one by one are in test_manifest_members.c. */
#include "../unit.h"

#include "sound_manifest.h"

#include "../support/expect.h"
#include "../support/random.h"
#include "../support/sample.h"

#include "base/cleanup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void every_member_is_read(void **state)
{
	GMI_CLEANUP(gmi_manifest_release) struct gmi_manifest manifest;
	const struct gmi_manifest_volume *volume;
	struct gmi_error err;

	(void)state;
	expect_success(gmi_manifest_parse(sound, strlen(sound), &manifest, &err), &err);
	assert_int_equal(manifest.version, 1);
	assert_int_equal(manifest.created, 1767966224);
	assert_string_equal(manifest.tool, "gmi 0.1.0");
	assert_string_equal(manifest.device_id, "bb2241039");
	assert_string_equal(manifest.model, "BactoBox");
	assert_string_equal(manifest.software, "v2026.02");
	assert_int_equal(manifest.chunk_length, 262144);
	assert_false(manifest.all_blocks);
	assert_false(manifest.is_signed);
	assert_int_equal(manifest.disk_count, 2);
	assert_string_equal(manifest.disks[1].name, "nor");
	assert_true(manifest.disks[1].flash);
	assert_false(manifest.disks[0].flash);
	assert_int_equal(manifest.disks[0].length, 10000);
	assert_int_equal(manifest.disks[0].sector_length, 512);
	assert_string_equal(manifest.disks[0].table, "gpt");
	assert_int_equal(manifest.volume_count, 3);
	volume = &manifest.volumes[1];
	assert_string_equal(volume->name, "data");
	assert_int_equal(volume->disk, 0);
	assert_int_equal(volume->offset, 1024);
	assert_int_equal(volume->length, 8976);
	assert_int_equal(volume->used, 500);
	assert_string_equal(volume->content, "ext4");
	assert_string_equal(volume->label, "second");
	assert_string_equal(volume->note, "a note");
	assert_int_equal(manifest.volumes[2].disk, 1);
}

static void what_is_written_reads_the_same(void **state)
{
	GMI_CLEANUP(gmi_manifest_release) struct gmi_manifest manifest;
	GMI_CLEANUP(gmi_manifest_release) struct gmi_manifest back;
	GMI_CLEANUP(gmi_memory_sink_release) struct gmi_memory_sink text;
	struct gmi_error err;

	(void)state;
	gmi_memory_sink_init(&text);
	sample_manifest(&sample_small, &manifest);
	manifest.all_blocks = true;
	strcpy(manifest.model, "a \"quoted\" \\ B\xc3\xa6ktoBox");
	/* A disk of 7 EiB: larger than any, and still all of its numbers fit. */
	manifest.volumes[4].length += 7ULL << 60;
	manifest.volumes[4].used = manifest.volumes[4].length;
	manifest.disks[0].length += 7ULL << 60;
	expect_success(gmi_manifest_encode(&manifest, &text.sink, &err), &err);
	expect_success(gmi_manifest_parse(text.data, text.length, &back, &err), &err);
	assert_memory_equal(back.disks, manifest.disks, 2 * sizeof(*back.disks));
	for (uint32_t i = 0; i < manifest.volume_count; i++)
		assert_memory_equal(&back.volumes[i], &manifest.volumes[i],
				    sizeof(*manifest.volumes));
	assert_string_equal(back.model, manifest.model);
	assert_int_equal(back.created, manifest.created);
	assert_true(back.all_blocks);
}

static void refuse_to_encode(const struct gmi_manifest *manifest)
{
	struct gmi_memory_sink text;
	struct gmi_error err;

	gmi_memory_sink_init(&text);
	expect_refusal(gmi_manifest_encode(manifest, &text.sink, &err), &err, GMI_E_SYSTEM);
	assert_int_equal(text.length, 0);
	gmi_memory_sink_release(&text);
}

static void what_could_not_be_read_is_not_written(void **state)
{
	GMI_CLEANUP(gmi_manifest_release) struct gmi_manifest manifest;

	(void)state;
	sample_manifest(&sample_small, &manifest);
	strcpy(manifest.volumes[1].label, "two\nlines");
	refuse_to_encode(&manifest);
	strcpy(manifest.volumes[1].label, "\xfc");
	refuse_to_encode(&manifest);
	strcpy(manifest.volumes[1].label, "");
	manifest.created = 253402300800; /* the year 10000 */
	refuse_to_encode(&manifest);
	manifest.created = 0;
	manifest.disks[0].sector_length = UINT32_MAX;
	refuse_to_encode(&manifest);
	manifest.disks[0].sector_length = 512;
	manifest.volumes[1].disk = 1;
	refuse_to_encode(&manifest);
}

static void refuse(const char *text, size_t length, enum gmi_code code)
{
	struct gmi_manifest manifest;
	struct gmi_error err;

	expect_refusal(gmi_manifest_parse(text, length, &manifest, &err), &err, code);
}

static void a_newer_version_is_named_before_all_else(void **state)
{
	static const char alone[] = "{\"format\": \"gmi\", \"version\": 2}";
	static const char all_else_differs[] =
		"{\"format\": \"gmi\", \"version\": 4000000000, \"disks\": \"in another place\"}";

	(void)state;
	refuse(alone, strlen(alone), GMI_E_VERSION);
	refuse(all_else_differs, strlen(all_else_differs), GMI_E_VERSION);
}

static void truncated_anywhere(void **state)
{
	(void)state;
	/* The last two are the brace and the line end behind it. */
	for (size_t length = 0; length + 2 < sizeof(sound) - 1; length++)
		refuse(sound, length, GMI_E_DAMAGED);
}

static void what_is_no_json_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		" ",
		"null",
		"[]",
		"\"gmi\"",
		"{}",
		"{} {}",
		"{\"a\":1,}",
		"\xef\xbb\xbf{}",
		"{\"a\": 01}",
		"\x1b",
		"{\"\xff\":1}",
		"{'a': 1}",
		"{\"a\": NaN}",
		"{\"a\": 99999999999999999999}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		refuse(texts[i], strlen(texts[i]), GMI_E_DAMAGED);
	refuse("{\"a\": \"\0\"}", 10, GMI_E_DAMAGED);
}

static void random_changes_never_crash(void **state)
{
	struct random random = { 8 };
	struct gmi_error err;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		struct gmi_manifest manifest;
		char text[sizeof(sound)];

		memcpy(text, sound, sizeof(sound));
		for (uint64_t changes = 1 + random_below(&random, 3); changes > 0; changes--)
			text[random_below(&random, sizeof(sound) - 1)] =
				(char)(random_below(&random, 2) ? random_next(&random)
								: 0x20 + random_below(&random, 95));
		if (gmi_manifest_parse(text, sizeof(sound) - 1, &manifest, &err) == 0)
			gmi_manifest_release(&manifest);
		else
			expect_refusal(-1, &err,
				       err.code == GMI_E_VERSION ? GMI_E_VERSION : GMI_E_DAMAGED);
	}
}

static void a_text_too_long_is_not_looked_at(void **state)
{
	GMI_AUTO_FREE char *text = malloc(GMI_MANIFEST_LENGTH_MAX + 1);

	(void)state;
	assert_non_null(text);
	memset(text, ' ', GMI_MANIFEST_LENGTH_MAX + 1);
	memcpy(text, sound, strlen(sound));
	refuse(text, GMI_MANIFEST_LENGTH_MAX + 1, GMI_E_DAMAGED);
}

static void brackets_without_end_are_refused(void **state)
{
	GMI_AUTO_FREE char *text = malloc(GMI_MANIFEST_LENGTH_MAX);

	(void)state;
	assert_non_null(text);
	memset(text, '[', GMI_MANIFEST_LENGTH_MAX);
	refuse(text, GMI_MANIFEST_LENGTH_MAX, GMI_E_DAMAGED);
}

/* A sound manifest with this many disks, each with this many volumes of a byte. */
static int parse_many(unsigned int disks, unsigned int volumes, struct gmi_error *err)
{
	GMI_CLEANUP(gmi_manifest_release) struct gmi_manifest manifest;
	GMI_AUTO_FREE char *text = malloc(1000 + (disks + 1) * (volumes + 1) * 200u);
	char *at = text;

	assert_non_null(text);
	at += sprintf(at, "%.*s\"disks\": [", (int)(strstr(sound, "\"disks\"") - sound), sound);
	for (unsigned int i = 0; i < disks; i++)
		at += sprintf(at,
			      "%s{\"name\": \"d%u\", \"kind\": \"block\", \"length\": %u, "
			      "\"sector_length\": 512, \"table\": \"gpt\"}",
			      i ? "," : "", i, volumes);
	at += sprintf(at, "], \"volumes\": [");
	for (unsigned int i = 0; i < disks * volumes; i++)
		at += sprintf(at,
			      "%s{\"name\": \"v%u\", \"disk\": \"d%u\", \"offset\": %u, "
			      "\"length\": 1, \"used\": 0, \"content\": \"raw\", \"label\": \"\", "
			      "\"note\": \"\"}",
			      i ? "," : "", i, i / volumes, i % volumes);
	at += sprintf(at, "]}");
	return gmi_manifest_parse(text, (size_t)(at - text), &manifest, err);
}

static void as_many_disks_and_volumes_as_allowed_are_accepted(void **state)
{
	struct gmi_error err;

	(void)state;
	expect_success(parse_many(GMI_DISKS_MAX, GMI_VOLUMES_MAX / GMI_DISKS_MAX, &err), &err);
	expect_success(parse_many(1, GMI_VOLUMES_MAX, &err), &err);
}

static void corrupt_counts_too_many(void **state)
{
	struct gmi_error err;

	(void)state;
	expect_refusal(parse_many(GMI_DISKS_MAX + 1, 1, &err), &err, GMI_E_DAMAGED);
	expect_refusal(parse_many(1, GMI_VOLUMES_MAX + 1, &err), &err, GMI_E_DAMAGED);
}

static void names_are_safe_in_paths(void **state)
{
	(void)state;
	assert_true(gmi_name_is_valid("data"));
	assert_true(gmi_name_is_valid("0"));
	assert_true(gmi_name_is_valid("mmcblk0.p1_a-b"));
	assert_true(gmi_name_is_valid(TEXT_63));
	assert_false(gmi_name_is_valid(TEXT_63 "x"));
	assert_false(gmi_name_is_valid(""));
	assert_false(gmi_name_is_valid("."));
	assert_false(gmi_name_is_valid(".."));
	assert_false(gmi_name_is_valid("../x"));
	assert_false(gmi_name_is_valid("a/b"));
	assert_false(gmi_name_is_valid("-o"));
	assert_false(gmi_name_is_valid("Data"));
	assert_false(gmi_name_is_valid("d\xc3\xa6"));
	assert_false(gmi_name_is_valid("a b"));
	assert_false(gmi_name_is_valid("a\n"));
}

static void chunks_are_counted_past_four_gib(void **state)
{
	const uint64_t long_volume = (6ULL << 30) + 1;

	(void)state;
	assert_int_equal(gmi_chunk_count(1, 65536), 1);
	assert_int_equal(gmi_chunk_count(65536, 65536), 1);
	assert_int_equal(gmi_chunk_count(65537, 65536), 2);
	assert_int_equal(gmi_chunk_count(long_volume, 65536), 98305);
	assert_int_equal(gmi_chunk_length_at(long_volume, 65536, 98304), 1);
	assert_int_equal(gmi_chunk_length_at(long_volume, 65536, 98303), 65536);
	assert_int_equal(gmi_chunk_count(INT64_MAX, 65536), 1ULL << 47);
	assert_int_equal(gmi_chunk_length_at(INT64_MAX, 65536, (1ULL << 47) - 1), 65535);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_member_is_read),
		cmocka_unit_test(what_is_written_reads_the_same),
		cmocka_unit_test(what_could_not_be_read_is_not_written),
		cmocka_unit_test(a_newer_version_is_named_before_all_else),
		cmocka_unit_test(truncated_anywhere),
		cmocka_unit_test(what_is_no_json_is_refused),
		cmocka_unit_test(random_changes_never_crash),
		cmocka_unit_test(a_text_too_long_is_not_looked_at),
		cmocka_unit_test(brackets_without_end_are_refused),
		cmocka_unit_test(as_many_disks_and_volumes_as_allowed_are_accepted),
		cmocka_unit_test(corrupt_counts_too_many),
		cmocka_unit_test(names_are_safe_in_paths),
		cmocka_unit_test(chunks_are_counted_past_four_gib),
	};

	return cmocka_run_group_tests_name("format/manifest", tests, NULL, NULL);
}
