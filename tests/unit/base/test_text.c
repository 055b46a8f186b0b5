#include "../unit.h"

#include "base/text.h"

#include <stdio.h>

static void bytes_read_as_a_file_manager_shows_them(void **state)
{
	(void)state;
	assert_string_equal(gmi_text_bytes(0).text, "0 B");
	assert_string_equal(gmi_text_bytes(999).text, "999 B");
	assert_string_equal(gmi_text_bytes(1000).text, "1.00 kB");
	assert_string_equal(gmi_text_bytes(999999).text, "1.00 MB");
	assert_string_equal(gmi_text_bytes(1536000000).text, "1.54 GB");
	assert_string_equal(gmi_text_bytes(15360000000).text, "15.4 GB");
	assert_string_equal(gmi_text_bytes(UINT64_MAX).text, "18.4 EB");
}

static void seconds_use_two_units_at_most(void **state)
{
	(void)state;
	assert_string_equal(gmi_text_seconds(59).text, "59 s");
	assert_string_equal(gmi_text_seconds(125).text, "2 min 5 s");
	assert_string_equal(gmi_text_seconds(3785).text, "1 h 3 min");
}

static void utc_is_rfc3339(void **state)
{
	(void)state;
	assert_string_equal(gmi_text_utc(1767965024).text, "2026-01-09T13:23:44Z");
}

static void assert_cleaned(const char *from, const char *to)
{
	char text[64];

	snprintf(text, sizeof(text), "%s", from);
	gmi_text_clean(text);
	assert_string_equal(text, to);
}

static void foreign_text_becomes_utf8_without_control_characters(void **state)
{
	(void)state;
	assert_cleaned("", "");
	assert_cleaned("a\tb\x7f\x01", "a b  ");
	assert_cleaned("caf\303\251 \342\202\254 \360\237\230\200",
		       "caf\303\251 \342\202\254 \360\237\230\200");
	assert_cleaned("\302\2331m\302\240", "  1m\302\240");
	assert_cleaned("\311TIQUETTE", "?TIQUETTE");
	/* Overlong forms, surrogates, beyond the last code point, a lone continuation. */
	assert_cleaned("\300\257x", "??x");
	assert_cleaned("\340\200\257x", "???x");
	assert_cleaned("\355\240\200x", "???x");
	assert_cleaned("\364\220\200\200x", "????x");
	assert_cleaned("\251x", "?x");
	/* Cut at the end: it would be a character, had there been more room. */
	assert_cleaned("a\342\202", "a");
	assert_cleaned("a\360", "a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_read_as_a_file_manager_shows_them),
		cmocka_unit_test(seconds_use_two_units_at_most),
		cmocka_unit_test(utc_is_rfc3339),
		cmocka_unit_test(foreign_text_becomes_utf8_without_control_characters),
	};

	return cmocka_run_group_tests_name("base/text", tests, NULL, NULL);
}
