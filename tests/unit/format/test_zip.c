/*
 * Records byte for byte as PKWARE's APPNOTE.TXT 6.3.10 (sections in brackets) wants them, and the
 * ways in which a ZIP grows beyond 16 and 32 bits. Hostile ZIPs are in test_zip_reader.c.
 */
#include "../unit.h"

#include "../support/expect.h"
#include "../support/recorder.h"

#include "format/zip.h"

#include <string.h>

#define GIB (1ULL << 30)
#define FULL32 0xffffffffu

static void expect_record(const uint8_t *record, size_t length, const uint8_t *expected,
			  size_t expected_length)
{
	assert_int_equal(length, expected_length);
	assert_memory_equal(record, expected, expected_length);
}

static void local_header_is_as_appnote_says(void **state)
{
	static const uint8_t expected[] = {
		0x50, 0x4b, 0x03, 0x04, /* signature [4.3.7] */
		20,   0,                /* version needed: 2.0 */
		0,    0,                /* flags: no data descriptor, nothing else */
		0,    0,                /* stored */
		0,    0,    0x21, 0,    /* 00:00:00 of 1980-01-01 */
		0x44, 0x33, 0x22, 0x11, /* CRC-32 */
		0x05, 0,    0,    0,    /* compressed size */
		0x05, 0,    0,    0,    /* uncompressed size */
		5,    0,    0,    0,    /* lengths of name and extra field */
		'i',  'n',  'd',  'e',  'x',
	};
	const struct gmi_zip_entry entry = { "index", 77, 5, 0x11223344 };
	uint8_t record[GMI_ZIP_RECORD_MAX];

	(void)state;
	expect_record(record, gmi_zip_local_header(&entry, record), expected, sizeof(expected));
	assert_int_equal(gmi_zip_local_header_length(&entry), sizeof(expected));
}

static void central_record_is_as_appnote_says(void **state)
{
	static const uint8_t expected[] = {
		0x50, 0x4b, 0x01, 0x02, /* signature [4.3.12] */
		45,   3,                /* made by: specification 4.5, Unix */
		20,   0,    0,    0,    /* version needed: 2.0; flags */
		0,    0,                /* stored */
		0,    0,    0x21, 0,    /* 00:00:00 of 1980-01-01 */
		0x44, 0x33, 0x22, 0x11, /* CRC-32 */
		0x05, 0,    0,    0,    /* compressed size */
		0x05, 0,    0,    0,    /* uncompressed size */
		5,    0,    0,    0,    /* lengths of name and extra field */
		0,    0,    0,    0,    /* length of comment, number of disk */
		0,    0,                /* internal attributes */
		0,    0,    0xa4, 0x81, /* external attributes: -rw-r--r-- */
		77,   0,    0,    0,    /* place of the local header */
		'i',  'n',  'd',  'e',  'x',
	};
	const struct gmi_zip_entry entry = { "index", 77, 5, 0x11223344 };
	uint8_t record[GMI_ZIP_RECORD_MAX];

	(void)state;
	expect_record(record, gmi_zip_central_record(&entry, record), expected, sizeof(expected));
}

static void end_record_is_as_appnote_says(void **state)
{
	static const uint8_t expected[] = {
		0x50, 0x4b, 0x05, 0x06, /* signature [4.3.16] */
		0,    0,    0,    0,    /* numbers of disks */
		3,    0,    3,    0,    /* entries here and in all */
		0x99, 0,    0,    0,    /* length of the directory */
		0xff, 0xff, 0xff, 0x7f, /* its place */
		0,    0,                /* length of comment */
	};
	uint8_t record[GMI_ZIP_END_MAX];

	(void)state;
	expect_record(record, gmi_zip_end(0x7fffffff, 0x99, 3, record), expected, sizeof(expected));
}

static void local_header_of_four_gib_has_both_sizes_in_its_extra_field(void **state)
{
	static const uint8_t sizes[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					 0xff, 1,    0,    20,   0,    'x' };
	static const uint8_t extra[] = {
		1, 0, 16, 0,             /* ZIP64 [4.5.3], and its length */
		5, 0, 0,  0, 1, 0, 0, 0, /* uncompressed size */
		5, 0, 0,  0, 1, 0, 0, 0, /* compressed size */
	};
	const struct gmi_zip_entry entry = { "x", 0, 4 * GIB + 5, 0 };
	uint8_t record[GMI_ZIP_RECORD_MAX];

	(void)state;
	assert_int_equal(gmi_zip_local_header(&entry, record), 31 + sizeof(extra));
	assert_int_equal(gmi_zip_local_header_length(&entry), 31 + sizeof(extra));
	assert_int_equal(record[4], 45); /* version needed: 4.5 */
	assert_memory_equal(record + 18, sizes, sizeof(sizes));
	assert_memory_equal(record + 31, extra, sizeof(extra));
}

static void central_record_far_in_the_file_has_only_its_place_in_the_extra_field(void **state)
{
	static const uint8_t extra[] = { 1, 0, 8, 0, 7, 0, 0, 0, 1, 0, 0, 0 };
	static const uint8_t full[] = { 0xff, 0xff, 0xff, 0xff };
	const struct gmi_zip_entry entry = { "x", 4 * GIB + 7, 5, 0 };
	uint8_t record[GMI_ZIP_RECORD_MAX];

	(void)state;
	assert_int_equal(gmi_zip_central_record(&entry, record), 47 + sizeof(extra));
	assert_int_equal(record[6], 45);
	assert_int_equal(record[20], 5); /* sizes fit and stay where they are */
	assert_memory_equal(record + 42, full, 4);
	assert_memory_equal(record + 47, extra, sizeof(extra));
	/* The local header does not know its place, so it stays plain. */
	assert_int_equal(gmi_zip_local_header_length(&entry), 31);
}

static void central_record_of_four_gib_far_in_the_file_has_all_three(void **state)
{
	static const uint8_t extra[] = {
		1, 0, 24, 0, 5, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0,
	};
	const struct gmi_zip_entry entry = { "x", 4 * GIB + 7, 4 * GIB + 5, 0 };
	uint8_t record[GMI_ZIP_RECORD_MAX];

	(void)state;
	assert_int_equal(gmi_zip_central_record(&entry, record), 47 + sizeof(extra));
	assert_memory_equal(record + 47, extra, sizeof(extra));
}

static void zip64_begins_exactly_where_a_number_does_not_fit(void **state)
{
	struct gmi_zip_entry entry = { "x", 0, FULL32 - 1, 0 };
	uint8_t record[GMI_ZIP_END_MAX + GMI_ZIP_RECORD_MAX];

	(void)state;
	/* All bits set is how a plain field says "look into ZIP64", so it is not a number itself.
	 */
	assert_int_equal(gmi_zip_local_header(&entry, record), 31);
	assert_int_equal(gmi_zip_central_record(&entry, record), 47);
	entry.length = FULL32;
	assert_int_equal(gmi_zip_local_header(&entry, record), 51);
	assert_int_equal(gmi_zip_central_record(&entry, record), 47 + 20);
	entry.length = 0;
	entry.offset = FULL32 - 1;
	assert_int_equal(gmi_zip_central_record(&entry, record), 47);
	entry.offset = FULL32;
	assert_int_equal(gmi_zip_central_record(&entry, record), 47 + 12);

	assert_int_equal(gmi_zip_end(FULL32 - 1, FULL32 - 1, 0xfffe, record), GMI_ZIP_END_MIN);
	assert_int_equal(gmi_zip_end(FULL32, 0, 0, record), GMI_ZIP_END_MAX);
	assert_int_equal(gmi_zip_end(0, FULL32, 0, record), GMI_ZIP_END_MAX);
	assert_int_equal(gmi_zip_end(0, 0, 0xffff, record), GMI_ZIP_END_MAX);
}

static void zip64_end_is_as_appnote_says(void **state)
{
	static const uint8_t expected[] = {
		0x50, 0x4b, 0x06, 0x06,             /* signature [4.3.14] */
		44,   0,    0,    0,    0, 0, 0, 0, /* length of the rest */
		45,   3,    45,   0,                /* made by, version needed */
		0,    0,    0,    0,    0, 0, 0, 0, /* numbers of disks */
		0,    0,    1,    0,    0, 0, 0, 0, /* entries here */
		0,    0,    1,    0,    0, 0, 0, 0, /* entries in all */
		0x20, 0,    0,    0,    1, 0, 0, 0, /* length of the directory */
		0x10, 0,    0,    0,    2, 0, 0, 0, /* its place */
		0x50, 0x4b, 0x06, 0x07,             /* locator's signature [4.3.15] */
		0,    0,    0,    0,                /* disk of the record above */
		0x30, 0,    0,    0,    3, 0, 0, 0, /* its place: behind the directory */
		1,    0,    0,    0,                /* number of disks */
		0x50, 0x4b, 0x05, 0x06,             /* plain record [4.3.16], all full */
		0,    0,    0,    0,                /* */
		0xff, 0xff, 0xff, 0xff,             /* */
		0xff, 0xff, 0xff, 0xff,             /* */
		0xff, 0xff, 0xff, 0xff,             /* */
		0,    0,
	};
	uint8_t record[GMI_ZIP_END_MAX];

	(void)state;
	expect_record(record, gmi_zip_end(0x200000010, 0x100000020, 0x10000, record), expected,
		      sizeof(expected));
}

static void crc_is_the_one_of_zip(void **state)
{
	(void)state;
	assert_int_equal(gmi_crc32(0, "123456789", 9), 0xcbf43926u);
	assert_int_equal(gmi_crc32(gmi_crc32(0, "1234", 4), "56789", 5), 0xcbf43926u);
}

/* ---- writing, then reading what was written ---- */

static void expect_entry(struct gmi_zip_reader *zip, const char *name, uint64_t offset,
			 uint64_t length)
{
	struct gmi_zip_entry entry;
	struct gmi_error err;
	bool end;

	expect_success(gmi_zip_next(zip, &entry, &end, &err), &err);
	assert_false(end);
	assert_string_equal(entry.name, name);
	assert_int_equal(entry.offset, offset);
	assert_int_equal(entry.length, length);
}

static void expect_end(struct gmi_zip_reader *zip)
{
	struct gmi_zip_entry entry;
	struct gmi_error err;
	bool end;

	expect_success(gmi_zip_next(zip, &entry, &end, &err), &err);
	assert_true(end);
}

/* An entry of repeated megabytes. Its CRC-32 is made up: nobody here reads gigabytes for it. */
static void add_long(struct gmi_zip_writer *zip, const char *name, uint64_t length)
{
	static const uint8_t block[1 << 20] = { 1 };
	struct gmi_error err;

	expect_success(gmi_zip_begin(zip, name, length, 0x12345678, &err), &err);
	while (length > 0) {
		size_t part = length < sizeof(block) ? (size_t)length : sizeof(block);

		expect_success(gmi_zip_data(zip, block, part, &err), &err);
		length -= part;
	}
}

static void an_empty_zip_is_its_end_record(void **state)
{
	struct recorder file;
	struct gmi_zip_writer writer;
	struct gmi_zip_reader reader;
	struct gmi_error err;

	(void)state;
	recorder_init(&file);
	gmi_zip_writer_init(&writer, &file.sink);
	expect_success(gmi_zip_finish(&writer, &err), &err);
	assert_int_equal(file.source.length, GMI_ZIP_END_MIN);
	expect_success(gmi_zip_reader_init(&reader, &file.source, &err), &err);
	expect_end(&reader);
	gmi_zip_reader_release(&reader);
	gmi_zip_writer_release(&writer);
	recorder_release(&file);
}

static void sizes_and_places_past_four_gib_come_back(void **state)
{
	struct recorder file;
	struct gmi_zip_writer writer;
	struct gmi_zip_reader reader;
	struct gmi_error err;

	(void)state;
	recorder_init(&file);
	gmi_zip_writer_init(&writer, &file.sink);
	add_long(&writer, "two-gib", 2 * GIB + 1);
	add_long(&writer, "five-gib", 5 * GIB + 3);
	expect_success(gmi_zip_add(&writer, "far", "abc", 3, &err), &err);
	expect_success(gmi_zip_finish(&writer, &err), &err);
	assert_int_equal(file.source.length, writer.offset);

	expect_success(gmi_zip_reader_init(&reader, &file.source, &err), &err);
	expect_entry(&reader, "two-gib", 0, 2 * GIB + 1);
	expect_entry(&reader, "five-gib", 30 + 7 + 2 * GIB + 1, 5 * GIB + 3);
	expect_entry(&reader, "far", 30 + 7 + 2 * GIB + 1 + 30 + 8 + 20 + 5 * GIB + 3, 3);
	expect_end(&reader);
	gmi_zip_reader_release(&reader);
	gmi_zip_writer_release(&writer);
	recorder_release(&file);
}

static void entries_come_back(uint64_t entries, size_t end_length)
{
	struct recorder file;
	struct gmi_zip_writer writer;
	struct gmi_zip_reader reader;
	struct gmi_error err;

	recorder_init(&file);
	gmi_zip_writer_init(&writer, &file.sink);
	for (uint64_t i = 0; i < entries; i++)
		expect_success(gmi_zip_add(&writer, "x", "y", 1, &err), &err);
	expect_success(gmi_zip_finish(&writer, &err), &err);
	assert_int_equal(file.source.length, entries * (31 + 1 + 47) + end_length);

	expect_success(gmi_zip_reader_init(&reader, &file.source, &err), &err);
	for (uint64_t i = 0; i < entries; i++)
		expect_entry(&reader, "x", i * 32, 1);
	expect_end(&reader);
	gmi_zip_reader_release(&reader);
	gmi_zip_writer_release(&writer);
	recorder_release(&file);
}

static void as_many_entries_as_a_plain_zip_counts_come_back(void **state)
{
	(void)state;
	entries_come_back(65534, GMI_ZIP_END_MIN);
}

static void more_entries_than_a_plain_zip_counts_come_back(void **state)
{
	(void)state;
	entries_come_back(65535, GMI_ZIP_END_MAX);
	entries_come_back(70000, GMI_ZIP_END_MAX);
}

static int refuse_to_write(struct gmi_sink *sink, const void *data, size_t length,
			   struct gmi_error *err)
{
	(void)sink;
	(void)data;
	(void)length;
	return gmi_fail(err, GMI_E_CLIENT, "the other side has gone");
}

static void what_the_sink_refuses_is_passed_on(void **state)
{
	struct gmi_sink sink = { refuse_to_write };
	struct gmi_zip_writer writer;
	struct gmi_error err;

	(void)state;
	gmi_zip_writer_init(&writer, &sink);
	expect_refusal(gmi_zip_add(&writer, "x", "y", 1, &err), &err, GMI_E_CLIENT);
	gmi_zip_writer_release(&writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(local_header_is_as_appnote_says),
		cmocka_unit_test(central_record_is_as_appnote_says),
		cmocka_unit_test(end_record_is_as_appnote_says),
		cmocka_unit_test(local_header_of_four_gib_has_both_sizes_in_its_extra_field),
		cmocka_unit_test(
			central_record_far_in_the_file_has_only_its_place_in_the_extra_field),
		cmocka_unit_test(central_record_of_four_gib_far_in_the_file_has_all_three),
		cmocka_unit_test(zip64_begins_exactly_where_a_number_does_not_fit),
		cmocka_unit_test(zip64_end_is_as_appnote_says),
		cmocka_unit_test(crc_is_the_one_of_zip),
		cmocka_unit_test(an_empty_zip_is_its_end_record),
		cmocka_unit_test(sizes_and_places_past_four_gib_come_back),
		cmocka_unit_test(as_many_entries_as_a_plain_zip_counts_come_back),
		cmocka_unit_test(more_entries_than_a_plain_zip_counts_come_back),
		cmocka_unit_test(what_the_sink_refuses_is_passed_on),
	};

	return cmocka_run_group_tests_name("format/zip", tests, NULL, NULL);
}
