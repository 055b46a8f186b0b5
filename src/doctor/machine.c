/* Memory, clock, and whether everything could be looked at. */
#include "doctor/checks.h"

#include "base/text.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* README.md: "in under 64 MiB of memory". */
#define MEMORY_NEEDED (64ull << 20)
/* 2024-01-01T00:00:00Z: earlier than gmi itself, so the clock was never set. */
#define CLOCK_MIN 1704067200

static void check_memory(struct gmi_doctor *doctor)
{
	FILE *file = gmi_doctor_open(doctor, "/proc/meminfo");
	uint64_t available = 0;
	bool found = false;
	char line[128];

	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "MemAvailable: %" SCNu64 " kB", &available) == 1;
	if (file)
		fclose(file);
	available <<= 10;
	if (!found) {
		gmi_doctor_find(doctor, GMI_SEVERITY_NOTE, "how much memory is free is not known");
		gmi_doctor_advise(doctor, "gmi needs up to %s.",
				  gmi_text_bytes(MEMORY_NEEDED).text);
	} else if (available < MEMORY_NEEDED) {
		gmi_doctor_find(doctor, GMI_SEVERITY_PROBLEM,
				"only %s of memory are available, and gmi may need %s",
				gmi_text_bytes(available).text, gmi_text_bytes(MEMORY_NEEDED).text);
		gmi_doctor_advise(doctor, "Let the quiesce hook stop what takes the memory.");
	} else {
		gmi_doctor_find(doctor, GMI_SEVERITY_OK,
				"%s of memory are available; gmi needs up to %s",
				gmi_text_bytes(available).text, gmi_text_bytes(MEMORY_NEEDED).text);
	}
}

static bool knows_its_timezone(const struct gmi_doctor *doctor)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/etc/localtime", doctor->root);
	return getenv("TZ") || access(path, R_OK) == 0;
}

void gmi_doctor_check_clock(struct gmi_doctor *doctor, int64_t now)
{
	if (now < CLOCK_MIN) {
		gmi_doctor_find(doctor, GMI_SEVERITY_WARNING, "the clock says %s",
				gmi_text_utc(now).text);
		gmi_doctor_advise(doctor,
				  "Set it: a backup's name and its manifest bear the date.");
	} else {
		gmi_doctor_find(doctor, GMI_SEVERITY_OK, "the clock says %s",
				gmi_text_utc(now).text);
	}
	if (!knows_its_timezone(doctor)) {
		gmi_doctor_find(doctor, GMI_SEVERITY_NOTE,
				"no timezone is set: the date in a backup's name is that of UTC");
		gmi_doctor_advise(doctor, "Link /etc/localtime to the timezone's file.");
	}
}

void gmi_doctor_check_machine(struct gmi_doctor *doctor)
{
	check_memory(doctor);
	gmi_doctor_check_clock(doctor, (int64_t)time(NULL));
	if (doctor->unseen == 0)
		return;
	gmi_doctor_find(doctor, GMI_SEVERITY_WARNING,
			"gmi runs as an ordinary user: %u %s not looked at", doctor->unseen,
			doctor->unseen == 1 ? "thing was" : "things were");
	gmi_doctor_advise(doctor, "Run gmi doctor as root, as gmid runs.");
}
