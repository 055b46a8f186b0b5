#include "device/mark.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "device/boot_id.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *const state_words[] = {
	[GMI_MARK_NONE] = "none",
	[GMI_MARK_INCOMPLETE] = "incomplete",
	[GMI_MARK_RESTORED] = "restored",
};

struct mark_path {
	char text[sizeof(((struct gmi_profile *)0)->runtime) + 16];
};

static struct mark_path path_of(const struct gmi_profile *profile)
{
	struct mark_path path;

	snprintf(path.text, sizeof(path.text), "%s/restart", profile->runtime);
	return path;
}

bool gmi_mark_is_kept(const struct gmi_profile *profile)
{
	struct stat status;

	for (uint32_t i = 0; i < profile->disk_count; i++) {
		if (stat(profile->disks[i].path, &status) == 0 &&
		    (S_ISBLK(status.st_mode) || S_ISCHR(status.st_mode)))
			return true;
	}
	return false;
}

/* What stands behind "name=" at the beginning of a line, up to the line's end. */
static bool value_of(const char *text, const char *name, char *value, size_t size)
{
	size_t length = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, length) != 0 || line[length] != '=')
			continue;
		line += length + 1;
		snprintf(value, size, "%.*s", (int)strcspn(line, "\n"), line);
		return true;
	}
	return false;
}

/* False: it is of an earlier run of the system. */
static bool parse(const char *text, struct gmi_mark *mark)
{
	char word[64];
	char here[GMI_BOOT_ID_LENGTH];

	gmi_boot_id(here);
	if (value_of(text, "boot", word, sizeof(word)) && *here && strcmp(word, here) != 0)
		return false;
	mark->state = GMI_MARK_INCOMPLETE;
	if (value_of(text, "state", word, sizeof(word)) &&
	    strcmp(word, state_words[GMI_MARK_RESTORED]) == 0)
		mark->state = GMI_MARK_RESTORED;
	if (!value_of(text, "device", mark->device, sizeof(mark->device)))
		mark->device[0] = '\0';
	if (value_of(text, "time", word, sizeof(word)) &&
	    sscanf(word, "%" SCNd64, &mark->made) != 1)
		mark->made = 0;
	return true;
}

void gmi_mark_read(const struct gmi_profile *profile, struct gmi_mark *mark)
{
	struct mark_path path = path_of(profile);
	struct gmi_error err;
	char text[512];

	memset(mark, 0, sizeof(*mark));
	if (!gmi_mark_is_kept(profile) || access(path.text, F_OK) < 0)
		return;
	if (gmi_read_text_file(path.text, text, sizeof(text), &err) < 0)
		text[0] = '\0';
	if (!parse(text, mark))
		unlink(path.text);
}

static int write_whole(const char *path, const char *text, struct gmi_error *err)
{
	char temporary[sizeof(struct mark_path) + 8];
	GMI_AUTO_FD int fd = -1;

	snprintf(temporary, sizeof(temporary), "%s.part", path);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return gmi_fail_errno(err, "cannot create %s", temporary);
	if (gmi_write_full(fd, temporary, text, strlen(text), err) < 0)
		return -1;
	if (gmi_close_written(&fd, temporary, err) < 0)
		return -1;
	if (rename(temporary, path) < 0)
		return gmi_fail_errno(err, "cannot rename %s to %s", temporary, path);
	return 0;
}

int gmi_mark_make(const struct gmi_profile *profile, enum gmi_mark_state state,
		  const char *device_id, struct gmi_error *err)
{
	struct mark_path path = path_of(profile);
	char text[512];
	char boot[GMI_BOOT_ID_LENGTH];

	if (!gmi_mark_is_kept(profile))
		return 0;
	if (mkdir(profile->runtime, 0700) < 0 && errno != EEXIST)
		return gmi_fail_errno(err, "cannot make the folder %s", profile->runtime);
	gmi_boot_id(boot);
	snprintf(text, sizeof(text), "state=%s\ndevice=%s\ntime=%" PRId64 "\nboot=%s\n",
		 state_words[state], device_id, (int64_t)time(NULL), boot);
	return write_whole(path.text, text, err);
}

int gmi_mark_check(enum gmi_mark_state state, enum gmi_device_access access, struct gmi_error *err)
{
	if (access == GMI_DEVICE_LOOK || state == GMI_MARK_NONE)
		return 0;
	if (state == GMI_MARK_RESTORED)
		return gmi_fail(err, GMI_E_RESTART,
				"the device was restored and has to be restarted first");
	if (access == GMI_DEVICE_WRITE)
		return 0;
	return gmi_fail(err, GMI_E_INCOMPLETE,
			"a restore did not reach its end, so the device is incomplete: there is "
			"nothing to back up before that restore has been repeated");
}
