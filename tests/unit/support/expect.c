#include "expect.h"

#include <string.h>

void expect_sentence(const struct gmi_error *err)
{
	size_t length = strnlen(err->message, sizeof(err->message));

	if (length < 10 || length == sizeof(err->message) || !strchr(err->message, ' '))
		fail_msg("not a sentence: \"%s\"", err->message);
	for (size_t i = 0; i < length; i++) {
		if (err->message[i] < 0x20 || err->message[i] == 0x7f)
			fail_msg("character %zu of \"%s\" is none that can be shown", i,
				 err->message);
	}
}

void expect_refusal(int result, const struct gmi_error *err, enum gmi_code code)
{
	if (result != -1)
		fail_msg("expected a refusal (%s), got %d", gmi_code_name(code), result);
	if (err->code != code)
		fail_msg("expected %s, got %s: %s", gmi_code_name(code), gmi_code_name(err->code),
			 err->message);
	expect_sentence(err);
}

void expect_success(int result, const struct gmi_error *err)
{
	if (result != 0)
		fail_msg("failed: %s", err->message);
}
