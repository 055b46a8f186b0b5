/*
 * A small GMI file, damaged in every way that a disk, a link or a hand damages files. Whatever was
 * done to it: it is refused, or all that is read from it is exactly what was backed up.
 */
#include "../unit.h"

#include "../support/expect.h"
#include "../support/random.h"
#include "../support/sample.h"

#include "base/cleanup.h"
#include "format/verify.h"

#include <stdlib.h>
#include <string.h>

#define FLIPS 3000
#define WOUNDS 400

struct file {
	struct sample_image image;
	struct gmi_memory_sink sound;
	uint8_t *data; /* on the heap, at its very length */
	size_t length;
};

static int make_file(void **state)
{
	struct file *file = calloc(1, sizeof(*file));
	struct gmi_memory_source source;

	assert_non_null(file);
	sample_image_init(&file->image, &sample_small);
	sample_file(&sample_small, &file->sound, &source);
	file->length = file->sound.length;
	file->data = malloc(file->length);
	assert_non_null(file->data);
	memcpy(file->data, file->sound.data, file->length);
	*state = file;
	return 0;
}

static int release_file(void **state)
{
	struct file *file = *state;

	gmi_memory_sink_release(&file->sound);
	sample_image_release(&file->image);
	free(file->data);
	free(file);
	return 0;
}

/*
 * Opens, reads everything, verifies. sample_read() fails the test if what is read differs from the
 * device. Verification looks at every byte, so that what reads well is refused there.
 */
static void expect_damage(const struct file *file, const uint8_t *data, size_t length)
{
	struct gmi_memory_source source;
	struct gmi_reader *reader;
	struct gmi_error err;
	int result;

	gmi_memory_source_init(&source, data, length);
	if (gmi_reader_open(&reader, &source.source, &err) < 0) {
		assert_null(reader);
		/* The very first bytes say what the file is. Nothing makes it a newer version. */
		expect_refusal(-1, &err, err.code == GMI_E_NOT_GMI ? GMI_E_NOT_GMI : GMI_E_DAMAGED);
		return;
	}
	result = sample_read(&sample_small, &file->image, reader, &err);
	if (result == 0)
		result = gmi_verify(reader, 1, NULL, &err);
	expect_refusal(result, &err, GMI_E_DAMAGED);
	gmi_reader_free(reader);
}

static void truncated_at_every_byte(void **state)
{
	struct file *file = *state;
	struct gmi_error err;

	for (size_t length = 0; length < file->length; length++) {
		struct gmi_memory_source source;
		struct gmi_reader *reader;

		gmi_memory_source_init(&source, file->data, length);
		expect_refusal(gmi_reader_open(&reader, &source.source, &err), &err,
			       length < 30 + 8 + sizeof(GMI_MEDIA_TYPE) - 1 ? GMI_E_NOT_GMI
									    : GMI_E_DAMAGED);
	}
}

static void the_beginning_is_cut_off(void **state)
{
	struct file *file = *state;
	struct gmi_error err;

	for (size_t cut = 1; cut < file->length; cut += 7) {
		struct gmi_memory_source source;
		struct gmi_reader *reader;

		gmi_memory_source_init(&source, file->data + cut, file->length - cut);
		expect_refusal(gmi_reader_open(&reader, &source.source, &err), &err, GMI_E_NOT_GMI);
	}
}

static void a_flipped_bit_is_refused(void **state)
{
	struct file *file = *state;
	struct random random = { 20260109 };

	for (int i = 0; i < FLIPS; i++) {
		size_t at = random_below(&random, file->length);
		uint8_t bit = (uint8_t)(1u << random_below(&random, 8));

		file->data[at] ^= bit;
		expect_damage(file, file->data, file->length);
		file->data[at] ^= bit;
	}
}

/* The tables at the end are few bytes among many, so that chance seldom meets them. */
static void a_flipped_bit_in_the_tables_is_refused(void **state)
{
	struct file *file = *state;
	const uint8_t *index = memmem(file->data, file->length, "indexGMIINDEX", 13);
	size_t tables = (size_t)(index - file->data);
	struct random random = { 77 };

	assert_non_null(index);
	for (size_t at = tables - 30; at < file->length; at++) {
		uint8_t bit = (uint8_t)(1u << random_below(&random, 8));

		file->data[at] ^= bit;
		expect_damage(file, file->data, file->length);
		file->data[at] ^= bit;
	}
}

/* What a disk does: a stretch of zeros, of all ones, of rubbish, or of another place of the file.
 */
static void wound(uint8_t *data, size_t file_length, struct random *random)
{
	size_t length = 1 + random_below(random, 1 + random_below(random, 4096));
	size_t at = random_below(random, file_length - length);
	size_t from = random_below(random, file_length - length);

	switch (random_below(random, 4)) {
	case 0:
		memset(data + at, 0, length);
		break;
	case 1:
		memset(data + at, 0xff, length);
		break;
	case 2:
		random_fill(random, data + at, length);
		break;
	default:
		memmove(data + at, data + from, length);
		break;
	}
}

static void a_stretch_overwritten_is_refused(void **state)
{
	struct file *file = *state;
	struct random random = { 4711 };

	for (int i = 0; i < WOUNDS; i++) {
		wound(file->data, file->length, &random);
		/* Zeros over zeros are no damage. */
		if (memcmp(file->data, file->sound.data, file->length) != 0)
			expect_damage(file, file->data, file->length);
		memcpy(file->data, file->sound.data, file->length);
	}
}

static void bytes_lost_or_gained_are_refused(void **state)
{
	struct file *file = *state;
	GMI_AUTO_FREE uint8_t *longer = malloc(file->length + 100);
	struct random random = { 99 };

	assert_non_null(longer);
	for (int i = 0; i < WOUNDS; i++) {
		size_t count = 1 + random_below(&random, 100);
		size_t at = random_below(&random, file->length - count + 1);

		memcpy(longer, file->data, at);
		memcpy(longer + at, file->data + at + count, file->length - at - count);
		expect_damage(file, longer, file->length - count);
		memset(longer + at, 0, count);
		memcpy(longer + at + count, file->data + at, file->length - at);
		expect_damage(file, longer, file->length + count);
	}
}

static void two_files_after_each_other_are_refused(void **state)
{
	struct file *file = *state;
	GMI_AUTO_FREE uint8_t *both = malloc(2 * file->length);

	assert_non_null(both);
	memcpy(both, file->data, file->length);
	memcpy(both + file->length, file->data, file->length);
	expect_damage(file, both, 2 * file->length);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(truncated_at_every_byte),
		cmocka_unit_test(the_beginning_is_cut_off),
		cmocka_unit_test(a_flipped_bit_is_refused),
		cmocka_unit_test(a_flipped_bit_in_the_tables_is_refused),
		cmocka_unit_test(a_stretch_overwritten_is_refused),
		cmocka_unit_test(bytes_lost_or_gained_are_refused),
		cmocka_unit_test(two_files_after_each_other_are_refused),
	};

	return cmocka_run_group_tests_name("format/damage", tests, make_file, release_file);
}
