/* The frame of zeros, held against RFC 8878 byte by byte and decoded by libzstd itself. */
#include "../unit.h"

#include "../support/expect.h"

#include "base/io.h"
#include "format/zero_frame.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define KIB 1024u
#define GIB (1ULL << 30)

static void frame_is_as_the_rfc_says(void **state)
{
	static const uint8_t expected[] = {
		0x28, 0xb5, 0x2f, 0xfd,             /* magic number */
		0xc0,                               /* content size in 8 bytes */
		0x38,                               /* window of 2^17 bytes */
		1,    0,    4,    0,    0, 0, 0, 0, /* content size: 256 KiB + 1 */
		0x02, 0,    0x10, 0,                /* 128 KiB of RLE, more follows; the byte */
		0x02, 0,    0x10, 0,                /* again */
		0x0b, 0,    0,    0,                /* the last one: 1 byte of RLE; the byte */
	};
	uint8_t frame[sizeof(expected)];

	(void)state;
	assert_int_equal(gmi_zero_frame_length(256 * KIB + 1), sizeof(expected));
	gmi_zero_frame_make(256 * KIB + 1, frame);
	assert_memory_equal(frame, expected, sizeof(expected));
}

/* Decodes in pieces, so that nobody needs room for the whole. */
static void expect_zeros(uint64_t zeros)
{
	size_t length = gmi_zero_frame_length(zeros);
	size_t room = ZSTD_DStreamOutSize();
	uint8_t *frame = malloc(length);
	uint8_t *plain = malloc(room);
	ZSTD_DStream *stream = ZSTD_createDStream();
	ZSTD_inBuffer in = { frame, length, 0 };
	uint64_t decoded = 0;
	size_t left = 1;

	assert_true(frame && plain && stream);
	gmi_zero_frame_make(zeros, frame);
	assert_int_equal(ZSTD_getFrameContentSize(frame, length), zeros);
	assert_int_equal(ZSTD_findFrameCompressedSize(frame, length), length);
	while (left > 0) {
		ZSTD_outBuffer out = { plain, room, 0 };

		left = ZSTD_decompressStream(stream, &out, &in);
		assert_false(ZSTD_isError(left));
		assert_true(gmi_is_zero(plain, out.pos));
		assert_true(out.pos > 0 || left == 0);
		decoded += out.pos;
	}
	assert_int_equal(decoded, zeros);
	assert_int_equal(in.pos, length);
	ZSTD_freeDStream(stream);
	free(plain);
	free(frame);
}

static void zstd_decodes_it_to_zeros_of_the_very_length(void **state)
{
	static const uint64_t lengths[] = {
		1,         2,         511,           4096,          128 * KIB - 1,
		128 * KIB, 129 * KIB, 256 * KIB - 1, 256 * KIB + 1, 100 * 1024 * KIB + 17,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		expect_zeros(lengths[i]);
}

static void zstd_decodes_more_than_four_gib_of_zeros(void **state)
{
	(void)state;
	expect_zeros(4 * GIB + 128 * KIB + 5);
}

static void the_longest_run_of_the_largest_chunks_has_a_small_frame(void **state)
{
	const uint64_t longest = (uint64_t)GMI_ZERO_RUN_MAX * GMI_CHUNK_LENGTH_MAX;
	size_t length = gmi_zero_frame_length(longest);
	uint8_t *frame = malloc(length);

	(void)state;
	assert_int_equal(longest, 16 * GIB);
	assert_int_equal(length, GMI_ZERO_FRAME_HEADER + 512 * KIB);
	assert_non_null(frame);
	gmi_zero_frame_make(longest, frame);
	assert_int_equal(ZSTD_getFrameContentSize(frame, length), longest);
	assert_int_equal(ZSTD_findFrameCompressedSize(frame, length), length);
	free(frame);
}

static void frames_one_after_the_other_are_one_stream(void **state)
{
	uint8_t frames[64];
	uint8_t plain[300];
	size_t first = gmi_zero_frame_length(100);
	size_t both = first + gmi_zero_frame_length(200);

	(void)state;
	memset(plain, 1, sizeof(plain));
	gmi_zero_frame_make(100, frames);
	gmi_zero_frame_make(200, frames + first);
	assert_int_equal(ZSTD_decompress(plain, sizeof(plain), frames, both), 300);
	assert_true(gmi_is_zero(plain, sizeof(plain)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frame_is_as_the_rfc_says),
		cmocka_unit_test(zstd_decodes_it_to_zeros_of_the_very_length),
		cmocka_unit_test(zstd_decodes_more_than_four_gib_of_zeros),
		cmocka_unit_test(the_longest_run_of_the_largest_chunks_has_a_small_frame),
		cmocka_unit_test(frames_one_after_the_other_are_one_stream),
	};

	return cmocka_run_group_tests_name("format/zero_frame", tests, NULL, NULL);
}
