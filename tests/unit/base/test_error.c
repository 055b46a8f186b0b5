#include "../unit.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>

static void fail_fills_code_and_message(void **state)
{
	struct gmi_error err;

	(void)state;
	assert_int_equal(gmi_fail(&err, GMI_E_DAMAGED, "chunk %d", 7), -1);
	assert_int_equal(err.code, GMI_E_DAMAGED);
	assert_int_equal(err.sys, 0);
	assert_string_equal(err.message, "chunk 7");
}

static void fail_errno_appends_the_kernels_words(void **state)
{
	struct gmi_error err;

	(void)state;
	errno = ENOSPC;
	gmi_fail_errno(&err, "disk.img: cannot write");
	assert_int_equal(err.sys, ENOSPC);
	assert_string_equal(err.message, "disk.img: cannot write: No space left on device");
}

static void prefix_goes_in_front_and_never_overflows(void **state)
{
	struct gmi_error err;
	char long_text[2000];

	(void)state;
	gmi_fail(&err, GMI_E_SYSTEM, "inner");
	gmi_error_prefix(&err, "volume %s", "data");
	assert_string_equal(err.message, "volume data: inner");

	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	gmi_error_prefix(&err, "%s", long_text);
	assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
}

static void every_code_has_its_own_name(void **state)
{
	(void)state;
	for (int i = 0; i < GMI_CODE_COUNT; i++) {
		assert_string_not_equal(gmi_code_name((enum gmi_code)i), "unknown");
		for (int j = 0; j < i; j++)
			assert_string_not_equal(gmi_code_name((enum gmi_code)i),
						gmi_code_name((enum gmi_code)j));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fail_fills_code_and_message),
		cmocka_unit_test(fail_errno_appends_the_kernels_words),
		cmocka_unit_test(prefix_goes_in_front_and_never_overflows),
		cmocka_unit_test(every_code_has_its_own_name),
	};

	return cmocka_run_group_tests_name("base/error", tests, NULL, NULL);
}
