#include "support/device_profile.h"

#include "support/storage_scratch.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_text(const char *format, va_list args)
{
	char *text;

	assert_true(vasprintf(&text, format, args) >= 0);
	storage_save("profile.ini", text, strlen(text));
	free(text);
}

void device_write_profile(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_text(format, args);
	va_end(args);
}

void device_load_profile(struct gmi_profile *profile, const char *format, ...)
{
	struct gmi_error err;
	va_list args;

	va_start(args, format);
	write_text(format, args);
	va_end(args);
	assert_gmi_ok(gmi_profile_load(profile, storage_path("profile.ini"), &err), &err);
}
