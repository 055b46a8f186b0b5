#include "device/record.h"

#include "base/io.h"
#include "device/boot_id.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADING "gmi-rest 1 "

/* FNV-1a: a name for the profile that is no path. */
static uint64_t hash_of(const char *text)
{
	uint64_t hash = 14695981039346656037u;

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 1099511628211u;
	return hash;
}

static void heading_of_this_run(char heading[96])
{
	char boot[GMI_BOOT_ID_LENGTH];

	gmi_boot_id(boot);
	snprintf(heading, 96, HEADING "%s\n", boot);
}

int gmi_record_open(struct gmi_record *record, const struct gmi_profile *profile, char why[256],
		    struct gmi_error *err)
{
	int fd;

	why[0] = '\0';
	record->file = NULL;
	snprintf(record->path, sizeof(record->path), "%s/rest-%016" PRIx64, profile->runtime,
		 hash_of(profile->path));
	if (mkdir(profile->runtime, 0700) < 0 && errno != EEXIST) {
		snprintf(why, 256, "%.180s cannot be made: %s", profile->runtime, strerror(errno));
		return 0;
	}
	fd = open(record->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		snprintf(why, 256, "%.180s cannot be written to: %s", profile->runtime,
			 strerror(errno));
		return 0;
	}
	/* A killed gmi's guard needs a moment to let everything go. */
	if (!gmi_lock_soon(fd, LOCK_EX)) {
		close(fd);
		return gmi_fail(err, GMI_E_JOB_RUNS,
				"another gmi holds the device at rest (%s is locked)",
				record->path);
	}
	record->file = fdopen(fd, "r+");
	if (!record->file) {
		close(fd);
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for %s", record->path);
	}
	return 0;
}

bool gmi_record_read(struct gmi_record *record, char *line, size_t size)
{
	char heading[96];
	char found[96];

	if (!record->file)
		return false;
	if (ftell(record->file) == 0) {
		heading_of_this_run(heading);
		if (!fgets(found, sizeof(found), record->file) || strcmp(found, heading) != 0)
			return false;
	}
	/* A line without its end was being written when everything ended: its deed was not begun.
	 */
	if (!fgets(line, (int)size, record->file) || !strchr(line, '\n'))
		return false;
	line[strcspn(line, "\n")] = '\0';
	return true;
}

int gmi_record_note(struct gmi_record *record, const char *word, const char *what,
		    struct gmi_error *err)
{
	char heading[96];

	if (!record->file)
		return gmi_fail(err, GMI_E_SYSTEM, "it could not be noted that it is at rest");
	if (fseek(record->file, 0, SEEK_END) == 0 && ftell(record->file) == 0) {
		heading_of_this_run(heading);
		fputs(heading, record->file);
	}
	fprintf(record->file, "%s %s\n", word, what);
	if (fflush(record->file) != 0 || ferror(record->file))
		return gmi_fail_errno(err, "%s: cannot write", record->path);
	return 0;
}

void gmi_record_clear(struct gmi_record *record)
{
	if (!record->file)
		return;
	/* Not removed: whoever waits for the lock has this very file open. */
	rewind(record->file);
	(void)!ftruncate(fileno(record->file), 0);
}

void gmi_record_close(struct gmi_record *record)
{
	if (record->file)
		fclose(record->file);
	record->file = NULL;
}
