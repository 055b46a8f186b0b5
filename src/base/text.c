#include "base/text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

struct gmi_text gmi_text_bytes(uint64_t bytes)
{
	static const char *const units[] = { "kB", "MB", "GB", "TB", "PB", "EB" };
	struct gmi_text out;
	double value = (double)bytes;
	size_t unit = 0;

	if (bytes < 1000) {
		snprintf(out.text, sizeof(out.text), "%" PRIu64 " B", bytes);
		return out;
	}
	value /= 1000;
	/* 999.95 would be printed as 1000.0 */
	while (value >= 999.95 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1000;
		unit++;
	}
	snprintf(out.text, sizeof(out.text), value < 9.995 ? "%.2f %s" : "%.1f %s", value,
		 units[unit]);
	return out;
}

struct gmi_text gmi_text_seconds(uint64_t seconds)
{
	struct gmi_text out;

	if (seconds < 60)
		snprintf(out.text, sizeof(out.text), "%" PRIu64 " s", seconds);
	else if (seconds < 3600)
		snprintf(out.text, sizeof(out.text), "%" PRIu64 " min %" PRIu64 " s", seconds / 60,
			 seconds % 60);
	else
		snprintf(out.text, sizeof(out.text), "%" PRIu64 " h %" PRIu64 " min",
			 seconds / 3600, seconds / 60 % 60);
	return out;
}

struct gmi_text gmi_text_utc(int64_t unix_seconds)
{
	struct gmi_text out;
	time_t when = (time_t)unix_seconds;
	struct tm parts;

	if (!gmtime_r(&when, &parts) ||
	    strftime(out.text, sizeof(out.text), "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
		snprintf(out.text, sizeof(out.text), "unknown time");
	return out;
}

/* Bytes of the UTF-8 sequence that begins so (RFC 3629), 0 if none does; 1 to 4. */
static size_t sequence_length(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Whether the second byte is one that may follow the first: no overlong forms, no surrogates. */
static bool may_follow(unsigned char first, unsigned char second)
{
	unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
	unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;

	return second >= low && second <= high;
}

void gmi_text_clean(char *text)
{
	unsigned char *at = (unsigned char *)text;

	while (*at) {
		size_t length = sequence_length(at[0]);
		size_t there = 1;

		if (length == 1) {
			if (*at < 0x20 || *at == 0x7f)
				*at = ' ';
			at++;
			continue;
		}
		while (there < length && (there == 1 ? may_follow(at[0], at[1])
						     : at[there] >= 0x80 && at[there] <= 0xbf))
			there++;
		if (there == length) {
			/* U+0080 to U+009F: to a terminal U+009B is as good as ESC [. */
			if (at[0] == 0xc2 && at[1] < 0xa0)
				at[0] = at[1] = ' ';
			at += length;
		} else if (length > 0 && at[there] == '\0') {
			*at = '\0';
		} else {
			*at++ = '?';
		}
	}
}
