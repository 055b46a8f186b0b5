/*
 * ZIPs that no writer of ours makes. Each case changes a sound one in one place; all of them are
 * refused with GMI_E_DAMAGED, and none is believed far enough to take memory or read outside.
 */
#include "../unit.h"

#include "../support/expect.h"
#include "../support/random.h"

#include "base/checked.h"
#include "format/zip.h"

#include <stdlib.h>
#include <string.h>

/*
 * The sound one, every number small enough to be counted by hand:
 *   0    aa   header of 32, 5 bytes
 *   37   bb   header of 32
 *   69   cc   header of 32, 9 bytes
 *   110  directory: three records of 48
 *   254  end record of 22
 */
struct file {
	uint8_t data[1024];
	size_t length;
	size_t directory; /* where it begins */
	size_t end;       /* where the end record begins */
};

static void sound_file(struct file *file)
{
	struct gmi_memory_sink memory;
	struct gmi_zip_writer zip;
	struct gmi_error err;

	gmi_memory_sink_init(&memory);
	gmi_zip_writer_init(&zip, &memory.sink);
	expect_success(gmi_zip_add(&zip, "aa", "hello", 5, &err), &err);
	expect_success(gmi_zip_add(&zip, "bb", "", 0, &err), &err);
	expect_success(gmi_zip_add(&zip, "cc", "ninebytes", 9, &err), &err);
	file->directory = (size_t)zip.offset;
	expect_success(gmi_zip_finish(&zip, &err), &err);
	gmi_zip_writer_release(&zip);
	memcpy(file->data, memory.data, memory.length);
	file->length = memory.length;
	assert_int_equal(file->directory, 110);
	file->end = memory.length - GMI_ZIP_END_MIN;
	gmi_memory_sink_release(&memory);
}

/* Reads to the end. The bytes are on the heap at their very length, so that a sanitizer sees each
 * read outside. */
static int read_all(const uint8_t *data, size_t length, struct gmi_error *err)
{
	uint8_t *bytes = malloc(length + 1);
	struct gmi_memory_source source;
	struct gmi_zip_reader zip;
	struct gmi_zip_entry entry;
	bool end = false;
	int result;

	assert_non_null(bytes);
	bytes = realloc(bytes, length ? length : 1);
	memcpy(bytes, data, length);
	gmi_memory_source_init(&source, bytes, length);
	result = gmi_zip_reader_init(&zip, &source.source, err);
	while (result == 0 && !end)
		result = gmi_zip_next(&zip, &entry, &end, err);
	gmi_zip_reader_release(&zip);
	free(bytes);
	return result;
}

/* One change: at `at`, from the directory's beginning or the end record's, these bytes. */
enum place { IN_DIRECTORY, IN_END };

struct change {
	const char *name;
	enum place place;
	size_t at;
	size_t length;
	uint8_t bytes[8];
};

static const struct change changes[] = {
	{ "corrupt_signature_of_a_record", IN_DIRECTORY, 0, 2, { 'Q', 'K' } },
	{ "corrupt_made_by", IN_DIRECTORY, 4, 2, { 20, 0 } },
	{ "corrupt_version_needed_too_new", IN_DIRECTORY, 6, 1, { 63 } },
	{ "corrupt_flags_encrypted", IN_DIRECTORY, 8, 1, { 1 } },
	{ "corrupt_flags_data_descriptor", IN_DIRECTORY, 8, 1, { 8 } },
	{ "corrupt_flags_utf8", IN_DIRECTORY, 9, 1, { 8 } },
	{ "corrupt_method_deflated", IN_DIRECTORY, 10, 1, { 8 } },
	{ "corrupt_time", IN_DIRECTORY, 12, 1, { 1 } },
	{ "corrupt_date", IN_DIRECTORY, 14, 1, { 0x22 } },
	{ "corrupt_compressed_size_alone", IN_DIRECTORY, 20, 1, { 4 } },
	{ "corrupt_uncompressed_size_alone", IN_DIRECTORY, 24, 1, { 4 } },
	{ "corrupt_both_sizes_leave_a_gap", IN_DIRECTORY, 20, 8, { 4, 0, 0, 0, 4 } },
	{ "corrupt_both_sizes_overlap_the_next", IN_DIRECTORY, 20, 8, { 6, 0, 0, 0, 6 } },
	{ "corrupt_both_sizes_beyond_the_file",
	  IN_DIRECTORY,
	  20,
	  8,
	  { 0xfe, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff } },
	{ "corrupt_both_sizes_say_zip64_without_its_field",
	  IN_DIRECTORY,
	  20,
	  8,
	  { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } },
	{ "corrupt_name_empty", IN_DIRECTORY, 28, 2, { 0, 0 } },
	{ "corrupt_name_longer", IN_DIRECTORY, 28, 2, { 3, 0 } },
	{ "corrupt_name_as_long_as_can_be", IN_DIRECTORY, 28, 2, { 0xff, 0xff } },
	{ "corrupt_extra_field_announced", IN_DIRECTORY, 30, 2, { 4, 0 } },
	{ "corrupt_extra_field_as_long_as_can_be", IN_DIRECTORY, 30, 2, { 0xff, 0xff } },
	{ "corrupt_comment_of_a_record", IN_DIRECTORY, 32, 1, { 1 } },
	{ "corrupt_disk_of_a_record", IN_DIRECTORY, 34, 1, { 1 } },
	{ "corrupt_internal_attributes", IN_DIRECTORY, 36, 1, { 1 } },
	{ "corrupt_attributes_setuid", IN_DIRECTORY, 41, 1, { 0x89 } },
	{ "corrupt_attributes_symbolic_link", IN_DIRECTORY, 41, 1, { 0xa1 } },
	{ "corrupt_offset_of_the_first", IN_DIRECTORY, 42, 1, { 1 } },
	{ "corrupt_offset_of_the_second_overlaps", IN_DIRECTORY, 48 + 42, 1, { 36 } },
	{ "corrupt_offset_of_the_second_leaves_a_gap", IN_DIRECTORY, 48 + 42, 1, { 38 } },
	{ "corrupt_offset_of_the_second_repeats_the_first", IN_DIRECTORY, 48 + 42, 1, { 0 } },
	{ "corrupt_offset_says_zip64_without_its_field",
	  IN_DIRECTORY,
	  42,
	  4,
	  { 0xff, 0xff, 0xff, 0xff } },
	{ "corrupt_name_with_a_nul", IN_DIRECTORY, 46, 1, { 0 } },
	{ "corrupt_name_with_an_escape", IN_DIRECTORY, 46, 1, { 0x1b } },
	{ "corrupt_name_that_is_not_utf8", IN_DIRECTORY, 46, 1, { 0xff } },
	{ "corrupt_name_with_a_backslash", IN_DIRECTORY, 46, 1, { '\\' } },

	{ "corrupt_signature_of_the_end", IN_END, 0, 1, { 'Q' } },
	{ "corrupt_disk_number", IN_END, 4, 1, { 1 } },
	{ "corrupt_directory_disk", IN_END, 6, 1, { 1 } },
	{ "corrupt_count_here_alone", IN_END, 8, 1, { 2 } },
	{ "corrupt_count_alone", IN_END, 10, 1, { 2 } },
	{ "corrupt_counts_too_few", IN_END, 8, 4, { 2, 0, 2, 0 } },
	{ "corrupt_counts_too_many", IN_END, 8, 4, { 4, 0, 4, 0 } },
	{ "corrupt_counts_zero", IN_END, 8, 4, { 0, 0, 0, 0 } },
	{ "corrupt_counts_huge", IN_END, 8, 4, { 0xfe, 0xff, 0xfe, 0xff } },
	{ "corrupt_counts_say_zip64_without_its_record", IN_END, 8, 4, { 0xff, 0xff, 0xff, 0xff } },
	{ "corrupt_directory_shorter", IN_END, 12, 1, { 48 } },
	{ "corrupt_directory_huge", IN_END, 12, 4, { 0xfe, 0xff, 0xff, 0xff } },
	{ "corrupt_directory_length_says_zip64", IN_END, 12, 4, { 0xff, 0xff, 0xff, 0xff } },
	{ "corrupt_directory_elsewhere", IN_END, 16, 1, { 1 } },
	{ "corrupt_directory_outside", IN_END, 16, 4, { 0xfe, 0xff, 0xff, 0xff } },
	{ "corrupt_directory_offset_says_zip64", IN_END, 16, 4, { 0xff, 0xff, 0xff, 0xff } },
	{ "corrupt_comment_announced", IN_END, 20, 1, { 1 } },
	{ "corrupt_comment_as_long_as_can_be", IN_END, 20, 2, { 0xff, 0xff } },
};

static void changed_file_is_refused(void **state)
{
	const struct change *change = *state;
	struct file file;
	struct gmi_error err;
	uint8_t *at;

	sound_file(&file);
	expect_success(read_all(file.data, file.length, &err), &err);
	at = file.data + (change->place == IN_END ? file.end : file.directory) + change->at;
	assert_memory_not_equal(at, change->bytes, change->length);
	memcpy(at, change->bytes, change->length);
	expect_refusal(read_all(file.data, file.length, &err), &err, GMI_E_DAMAGED);
}

static void truncated_anywhere(void **state)
{
	struct file file;
	struct gmi_error err;

	(void)state;
	sound_file(&file);
	for (size_t length = 0; length < file.length; length++)
		expect_refusal(read_all(file.data, length, &err), &err, GMI_E_DAMAGED);
}

static void bytes_behind_the_end_are_refused(void **state)
{
	struct file file;
	struct gmi_error err;

	(void)state;
	sound_file(&file);
	file.data[file.length] = 0;
	expect_refusal(read_all(file.data, file.length + 1, &err), &err, GMI_E_DAMAGED);
	/* As a comment that is announced, so that another unzip would take it. */
	gmi_put_le16(file.data + file.end + 20, 1);
	expect_refusal(read_all(file.data, file.length + 1, &err), &err, GMI_E_DAMAGED);
	/* A second end record behind the first: which one counts must not be a question. */
	sound_file(&file);
	memcpy(file.data + file.length, file.data + file.end, GMI_ZIP_END_MIN);
	expect_refusal(read_all(file.data, file.length + GMI_ZIP_END_MIN, &err), &err,
		       GMI_E_DAMAGED);
}

static void insert(struct file *file, size_t at, size_t length)
{
	memmove(file->data + at + length, file->data + at, file->length - at);
	memset(file->data + at, 0, length);
	file->length += length;
}

static void bytes_before_between_and_behind_the_entries_are_refused(void **state)
{
	static const size_t gaps[] = { 0, 37, 69, 110 };
	struct gmi_error err;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct file file;

		sound_file(&file);
		insert(&file, gaps[i], 3);
		/* Everything behind the gap is named where it now is. */
		gmi_put_le32(file.data + file.end + 3 + 16, (uint32_t)file.directory + 3);
		for (size_t j = i; j < 3; j++) {
			uint8_t *offset = file.data + file.directory + 3 + j * 48 + 42;

			gmi_put_le32(offset, gmi_get_le32(offset) + 3);
		}
		expect_refusal(read_all(file.data, file.length, &err), &err, GMI_E_DAMAGED);
	}
}

static void bytes_between_directory_and_end_are_refused(void **state)
{
	struct file file;
	struct gmi_error err;

	(void)state;
	sound_file(&file);
	insert(&file, file.end, 5);
	expect_refusal(read_all(file.data, file.length, &err), &err, GMI_E_DAMAGED);
}

static void bytes_in_the_directory_behind_its_records_are_refused(void **state)
{
	struct file file;
	struct gmi_error err;

	(void)state;
	sound_file(&file);
	insert(&file, file.end, 5);
	gmi_put_le32(file.data + file.end + 5 + 12, 3 * 48 + 5);
	expect_refusal(read_all(file.data, file.length, &err), &err, GMI_E_DAMAGED);
}

static void zip64_end_where_none_is_needed_is_refused(void **state)
{
	uint8_t wide[GMI_ZIP_END_MAX];
	struct file file;
	struct gmi_error err;

	(void)state;
	sound_file(&file);
	/* A sound ZIP64 end; 3 entries do not need it. */
	gmi_zip_end(file.directory, 3 * 48, 65535, wide);
	gmi_put_le64(wide + 24, 3);
	gmi_put_le64(wide + 32, 3);
	memcpy(file.data + file.end, wide, sizeof(wide));
	file.length = file.end + sizeof(wide);
	expect_refusal(read_all(file.data, file.length, &err), &err, GMI_E_DAMAGED);
}

/* Nothing of the file but a ZIP64 end that promises the world. */
static void refuse_end64(uint64_t directory, uint64_t length, uint64_t entries)
{
	uint8_t data[200 + GMI_ZIP_END_MAX] = { 0 };
	struct gmi_error err;
	size_t size = gmi_zip_end(directory, length, entries, data + 200);

	expect_refusal(read_all(data, 200 + size, &err), &err, GMI_E_DAMAGED);
}

static void zip64_numbers_that_promise_the_world_are_refused(void **state)
{
	static const uint64_t numbers[] = { 0, 1, 200, 0xffffffff, 1ULL << 63, UINT64_MAX };

	(void)state;
	refuse_end64(200, 0, UINT64_MAX);
	refuse_end64(0, 200, 65535);
	for (size_t i = 0; i < 6; i++) {
		for (size_t j = 0; j < 6; j++)
			refuse_end64(numbers[i], numbers[j], UINT64_MAX / 46);
	}
}

static void entry_lengths_that_overflow_are_refused(void **state)
{
	static const uint64_t lengths[] = { UINT64_MAX, UINT64_MAX - 50, UINT64_MAX - 52,
					    1ULL << 63, 0xffffffff };
	struct gmi_error err;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct gmi_zip_entry entry = { .name = "x", .length = lengths[i] };
		uint8_t data[400] = { 0 };
		size_t at = 100;
		size_t size = gmi_zip_central_record(&entry, data + at);

		at += size;
		at += gmi_zip_end(100, size, 1, data + at);
		expect_refusal(read_all(data, at, &err), &err, GMI_E_DAMAGED);
	}
}

static void zip64_field_where_none_is_needed_is_refused(void **state)
{
	struct gmi_zip_entry entry = { .name = "x", .length = 0xffffffff };
	uint8_t data[400] = { 0 };
	struct gmi_error err;
	size_t at = 31;
	size_t size = gmi_zip_central_record(&entry, data + at);

	(void)state;
	gmi_put_le64(data + at + 51, 0); /* says that the length is 0 */
	gmi_put_le64(data + at + 59, 0);
	at += size;
	at += gmi_zip_end(31, size, 1, data + at);
	expect_refusal(read_all(data, at, &err), &err, GMI_E_DAMAGED);
}

static void random_directories_never_crash(void **state)
{
	struct random random = { 1 };
	struct gmi_error err;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct file file;
		size_t changes_left = 1 + random_below(&random, 4);

		sound_file(&file);
		while (changes_left-- > 0) {
			size_t at = file.directory +
				    random_below(&random, file.length - file.directory);
			uint8_t before = file.data[at];

			file.data[at] = (uint8_t)random_next(&random);
			if (file.data[at] == before)
				file.data[at] ^= 0x80;
		}
		if (read_all(file.data, file.length, &err) < 0)
			expect_refusal(-1, &err, GMI_E_DAMAGED);
	}
}

#define CHANGES (sizeof(changes) / sizeof(changes[0]))

int main(void)
{
	const struct CMUnitTest others[] = {
		cmocka_unit_test(truncated_anywhere),
		cmocka_unit_test(bytes_behind_the_end_are_refused),
		cmocka_unit_test(bytes_before_between_and_behind_the_entries_are_refused),
		cmocka_unit_test(bytes_between_directory_and_end_are_refused),
		cmocka_unit_test(bytes_in_the_directory_behind_its_records_are_refused),
		cmocka_unit_test(zip64_end_where_none_is_needed_is_refused),
		cmocka_unit_test(zip64_numbers_that_promise_the_world_are_refused),
		cmocka_unit_test(entry_lengths_that_overflow_are_refused),
		cmocka_unit_test(zip64_field_where_none_is_needed_is_refused),
		cmocka_unit_test(random_directories_never_crash),
	};
	struct CMUnitTest tests[CHANGES + sizeof(others) / sizeof(others[0])];

	for (size_t i = 0; i < CHANGES; i++)
		tests[i] = (struct CMUnitTest){ .name = changes[i].name,
						.test_func = changed_file_is_refused,
						.initial_state = (void *)&changes[i] };
	memcpy(tests + CHANGES, others, sizeof(others));
	return cmocka_run_group_tests_name("format/zip_reader", tests, NULL, NULL);
}
