#include "../unit.h"

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/source.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int temporary_file(void)
{
	char path[] = "/tmp/gmi-test-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

static void written_past_four_gib_reads_back(void **state)
{
	GMI_AUTO_FD int fd = temporary_file();
	const uint64_t far = (5ULL << 30) + 3;
	char back[6] = "";
	struct gmi_error err;

	(void)state;
	assert_int_equal(gmi_pwrite_full(fd, "t", far, "hello", 6, &err), 0);
	assert_int_equal(gmi_pread_full(fd, "t", far, back, 6, &err), 0);
	assert_string_equal(back, "hello");
}

static void truncated_file_says_where(void **state)
{
	GMI_AUTO_FD int fd = temporary_file();
	char back[8];
	struct gmi_error err;

	(void)state;
	assert_int_equal(gmi_pwrite_full(fd, "t", 0, "abc", 3, &err), 0);
	assert_int_equal(gmi_pread_full(fd, "disk.img", 0, back, 8, &err), -1);
	assert_string_equal(err.message, "disk.img: ends at byte 3, 5 bytes too early");
}

static void zero_check_sees_every_single_byte(void **state)
{
	uint8_t data[100] = { 0 };

	(void)state;
	for (size_t length = 0; length <= sizeof(data); length++) {
		assert_true(gmi_is_zero(data, length));
		for (size_t i = 0; i < length; i++) {
			data[i] = 1;
			assert_false(gmi_is_zero(data, length));
			data[i] = 0;
		}
	}
}

static void range_check_does_not_overflow(void **state)
{
	(void)state;
	assert_true(gmi_range_within(0, 0, 0));
	assert_true(gmi_range_within(5, 5, 10));
	assert_false(gmi_range_within(5, 6, 10));
	assert_false(gmi_range_within(UINT64_MAX, 2, UINT64_MAX));
	assert_false(gmi_range_within(2, UINT64_MAX, UINT64_MAX));
}

static void memory_sink_keeps_what_it_got(void **state)
{
	struct gmi_memory_sink memory;
	struct gmi_error err;

	(void)state;
	gmi_memory_sink_init(&memory);
	for (int i = 0; i < 10000; i++) {
		uint8_t byte = (uint8_t)i;

		assert_int_equal(gmi_sink_write(&memory.sink, &byte, 1, &err), 0);
	}
	assert_int_equal(memory.length, 10000);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(memory.data[i], (uint8_t)i);
	gmi_memory_sink_release(&memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_past_four_gib_reads_back),
		cmocka_unit_test(truncated_file_says_where),
		cmocka_unit_test(zero_check_sees_every_single_byte),
		cmocka_unit_test(range_check_does_not_overflow),
		cmocka_unit_test(memory_sink_keeps_what_it_got),
	};

	return cmocka_run_group_tests_name("base/io", tests, NULL, NULL);
}
