#include "base/text.h"

#include <inttypes.h>
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
