/* Arithmetic at its edges, and bytes in the order of the file whatever the machine's. */
#include "../unit.h"

#include "base/checked.h"

#define MAX UINT64_MAX

static void sums_say_when_they_overflow(void **state)
{
	uint64_t sum;

	(void)state;
	assert_true(gmi_add_u64(MAX - 1, 1, &sum));
	assert_int_equal(sum, MAX);
	assert_true(gmi_add_u64(0, 0, &sum));
	assert_int_equal(sum, 0);
	assert_false(gmi_add_u64(MAX, 1, &sum));
	assert_false(gmi_add_u64(MAX, MAX, &sum));
}

static void products_say_when_they_overflow(void **state)
{
	uint64_t product;

	(void)state;
	assert_true(gmi_mul_u64(1ULL << 32, (1ULL << 32) - 1, &product));
	assert_int_equal(product, MAX - 0xffffffff);
	assert_true(gmi_mul_u64(MAX, 0, &product));
	assert_int_equal(product, 0);
	assert_true(gmi_mul_u64(MAX, 1, &product));
	assert_false(gmi_mul_u64(1ULL << 32, 1ULL << 32, &product));
	assert_false(gmi_mul_u64(MAX, 2, &product));
}

static void ranges_lie_within_their_limit(void **state)
{
	(void)state;
	assert_true(gmi_range_within(0, MAX, MAX));
	assert_true(gmi_range_within(MAX, 0, MAX));
	assert_true(gmi_range_within(10, 0, 10));
	assert_false(gmi_range_within(11, 0, 10));
	assert_false(gmi_range_within(0, 11, 10));
	assert_false(gmi_range_within(MAX, 1, MAX));
	assert_false(gmi_range_within(1, MAX, MAX));
	/* Sums that come round to something small. */
	assert_false(gmi_range_within(MAX - 4, 10, 100));
	assert_false(gmi_range_within(8, MAX - 4, 100));
}

static void sizes_fit_or_say_so(void **state)
{
	size_t size;

	(void)state;
	assert_true(gmi_to_size(12345, &size));
	assert_int_equal(size, 12345);
	assert_int_equal(gmi_to_size(1ULL << 32, &size), sizeof(size_t) > 4);
}

static void division_rounds_up_without_overflow(void **state)
{
	(void)state;
	assert_int_equal(gmi_div_up_u64(0, 7), 0);
	assert_int_equal(gmi_div_up_u64(1, 7), 1);
	assert_int_equal(gmi_div_up_u64(7, 7), 1);
	assert_int_equal(gmi_div_up_u64(8, 7), 2);
	assert_int_equal(gmi_div_up_u64(MAX, 2), 1ULL << 63);
	assert_int_equal(gmi_div_up_u64(MAX, MAX), 1);
	assert_int_equal(gmi_div_up_u64(MAX, 1), MAX);
}

static void smaller_and_larger_are_told_apart_beyond_32_bits(void **state)
{
	(void)state;
	assert_int_equal(gmi_min_u64(1ULL << 32, 5), 5);
	assert_int_equal(gmi_max_u64(1ULL << 32, 5), 1ULL << 32);
	assert_int_equal(gmi_min_u64(3, 3), 3);
}

static void numbers_are_little_endian(void **state)
{
	static const uint8_t bytes[] = { 0x81, 0x92, 0xa3, 0xb4, 0xc5, 0xd6, 0xe7, 0xf8 };

	(void)state;
	assert_int_equal(gmi_get_le16(bytes), 0x9281);
	assert_int_equal(gmi_get_le32(bytes), 0xb4a39281u);
	assert_true(gmi_get_le64(bytes) == 0xf8e7d6c5b4a39281u);
}

static void numbers_come_back_at_any_place(void **state)
{
	uint8_t bytes[16];

	(void)state;
	/* Odd places: a device may not read there in one piece. */
	for (size_t at = 0; at < 8; at++) {
		gmi_put_le64(bytes + at, 0xf8e7d6c5b4a39281u);
		assert_int_equal(bytes[at], 0x81);
		assert_int_equal(bytes[at + 7], 0xf8);
		assert_true(gmi_get_le64(bytes + at) == 0xf8e7d6c5b4a39281u);
		gmi_put_le32(bytes + at, 0xdeadbeefu);
		assert_int_equal(gmi_get_le32(bytes + at), 0xdeadbeefu);
		gmi_put_le16(bytes + at, 0xcafe);
		assert_int_equal(gmi_get_le16(bytes + at), 0xcafe);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_say_when_they_overflow),
		cmocka_unit_test(products_say_when_they_overflow),
		cmocka_unit_test(ranges_lie_within_their_limit),
		cmocka_unit_test(sizes_fit_or_say_so),
		cmocka_unit_test(division_rounds_up_without_overflow),
		cmocka_unit_test(smaller_and_larger_are_told_apart_beyond_32_bits),
		cmocka_unit_test(numbers_are_little_endian),
		cmocka_unit_test(numbers_come_back_at_any_place),
	};

	return cmocka_run_group_tests_name("base/checked", tests, NULL, NULL);
}
