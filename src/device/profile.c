#include "device/profile.h"

#include <ini.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DISK_SECTION "disk "
#define MOUNT_SECTION "mount "
/* inih keeps so many characters of a section's name and forgets the rest in silence (MAX_SECTION).
 */
#define SECTION_LENGTH_MAX 49u
#define SECONDS_MAX 86400u
#define LINK_RATE_MAX 100000u

#define DEFAULT_LISTEN "127.0.0.1:8420"
#define DEFAULT_RUNTIME "/run/gmi"
#define DEFAULT_HOOK_TIMEOUT 30
#define DEFAULT_QUIESCE_LIMIT 14400
#define DEFAULT_CLIENT_WAIT 300

struct loading {
	struct gmi_profile *profile;
	struct gmi_error *err;
	FILE *file;
	int line;    /* the one that was read last */
	bool failed; /* err is filled */
};

/* Keys that are plain text, and where they go. */
struct text_key {
	const char *section;
	const char *name;
	size_t offset;
	size_t size;
};

#define TEXT_KEY(section, name, member) \
	{ \
		section, name, offsetof(struct gmi_profile, member), \
			sizeof(((struct gmi_profile *)0)->member) \
	}

#define NUMBER_KEY(section, name, member, most, unit) \
	{ \
		section, name, offsetof(struct gmi_profile, member), most, unit \
	}

static const struct text_key text_keys[] = {
	TEXT_KEY("device", "id", id),
	TEXT_KEY("device", "model", model),
	TEXT_KEY("device", "software", software),
	TEXT_KEY("device", "lock", lock),
	TEXT_KEY("device", "runtime", runtime),
	TEXT_KEY("hooks", "busy", hooks.busy),
	TEXT_KEY("hooks", "quiesce", hooks.quiesce),
	TEXT_KEY("hooks", "release", hooks.release),
	TEXT_KEY("hooks", "restart", hooks.restart),
	TEXT_KEY("restore", "journal", journal),
	TEXT_KEY("service", "listen", listen),
};

/* Keys that are a number, and their bounds. */
static const struct number_key {
	const char *section;
	const char *name;
	size_t offset;
	uint32_t most;
	const char *unit;
} number_keys[] = {
	NUMBER_KEY("hooks", "hook_timeout", hooks.timeout, SECONDS_MAX, "seconds"),
	NUMBER_KEY("hooks", "quiesce_limit", hooks.quiesce_limit, SECONDS_MAX, "seconds"),
	NUMBER_KEY("service", "client_wait", client_wait, SECONDS_MAX, "seconds"),
	NUMBER_KEY("service", "link_rate", link_rate, LINK_RATE_MAX, "megabytes a second"),
};

static const char *const rest_words[] = {
	[GMI_REST_NONE] = "none",
	[GMI_REST_REMOUNT_RO] = "remount-ro",
	[GMI_REST_FREEZE] = "freeze",
};

static int set_text(char *to, size_t size, const char *value, struct gmi_error *err)
{
	if (*to)
		return gmi_fail(err, GMI_E_PROFILE, "is given twice");
	if (!*value)
		return gmi_fail(err, GMI_E_PROFILE, "is empty");
	if (strlen(value) >= size)
		return gmi_fail(err, GMI_E_PROFILE, "is longer than %zu characters", size - 1);
	memcpy(to, value, strlen(value) + 1);
	return 0;
}

static int set_number(uint32_t *to, const char *value, uint32_t most, const char *unit,
		      struct gmi_error *err)
{
	char *rest;
	unsigned long number = strtoul(value, &rest, 10);

	if (*to)
		return gmi_fail(err, GMI_E_PROFILE, "is given twice");
	if (value[0] < '0' || value[0] > '9' || *rest || number == 0 || number > most)
		return gmi_fail(err, GMI_E_PROFILE, "takes %s, from 1 to %u", unit, most);
	*to = (uint32_t)number;
	return 0;
}

static struct gmi_profile_disk *find_or_add_disk(struct gmi_profile *profile, const char *name,
						 struct gmi_error *err)
{
	size_t length = strlen(name);

	for (uint32_t i = 0; i < profile->disk_count; i++) {
		if (strcmp(profile->disks[i].name, name) == 0)
			return &profile->disks[i];
	}
	if (length == 0 || length >= sizeof(profile->disks[0].name) || name[0] == '-' ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != length) {
		gmi_fail(err, GMI_E_PROFILE,
			 "the name of a disk has 1 to 32 of the characters a-z, 0-9 and -");
		return NULL;
	}
	if (profile->disk_count == GMI_PROFILE_DISKS_MAX) {
		gmi_fail(err, GMI_E_PROFILE, "more than %d disks", GMI_PROFILE_DISKS_MAX);
		return NULL;
	}
	memcpy(profile->disks[profile->disk_count].name, name, length + 1);
	return &profile->disks[profile->disk_count++];
}

static int set_disk(struct gmi_profile *profile, const char *disk_name, const char *key,
		    const char *value, struct gmi_error *err)
{
	struct gmi_profile_disk *disk = find_or_add_disk(profile, disk_name, err);

	if (!disk)
		return -1;
	if (strcmp(key, "path") == 0)
		return set_text(disk->path, sizeof(disk->path), value, err);
	if (strcmp(key, "type") != 0)
		return gmi_fail(err, GMI_E_PROFILE, "is not a key of a disk (path, type)");
	if (disk->type_given)
		return gmi_fail(err, GMI_E_PROFILE, "is given twice");
	disk->type_given = true;
	disk->flash = strcmp(value, "flash") == 0;
	if (!disk->flash && strcmp(value, "block") != 0)
		return gmi_fail(err, GMI_E_PROFILE, "is either block or flash");
	return 0;
}

static int set_mount(struct gmi_profile *profile, const char *path, const char *key,
		     const char *value, struct gmi_error *err)
{
	struct gmi_profile_mount *mount = &profile->mounts[profile->mount_count];

	if (strcmp(key, "quiesce") != 0)
		return gmi_fail(err, GMI_E_PROFILE, "is not a key of a mount (quiesce)");
	for (uint32_t i = 0; i < profile->mount_count; i++) {
		if (strcmp(profile->mounts[i].path, path) == 0)
			return gmi_fail(err, GMI_E_PROFILE, "is given twice");
	}
	if (profile->mount_count == GMI_PROFILE_MOUNTS_MAX)
		return gmi_fail(err, GMI_E_PROFILE, "is one more than %u mounts",
				GMI_PROFILE_MOUNTS_MAX);
	if (path[0] != '/' && strcmp(path, "*") != 0)
		return gmi_fail(err, GMI_E_PROFILE,
				"the section is called by a mount point, like [mount /data], or *");
	for (size_t i = GMI_REST_NONE; i < sizeof(rest_words) / sizeof(rest_words[0]); i++) {
		if (strcmp(value, rest_words[i]) != 0)
			continue;
		snprintf(mount->path, sizeof(mount->path), "%s", path);
		mount->rest = (enum gmi_rest)i;
		profile->mount_count++;
		return 0;
	}
	return gmi_fail(err, GMI_E_PROFILE, "is remount-ro, freeze or none");
}

static int set(struct gmi_profile *profile, const char *section, const char *key, const char *value,
	       struct gmi_error *err)
{
	if (strncmp(section, DISK_SECTION, strlen(DISK_SECTION)) == 0)
		return set_disk(profile, section + strlen(DISK_SECTION), key, value, err);
	if (strncmp(section, MOUNT_SECTION, strlen(MOUNT_SECTION)) == 0)
		return set_mount(profile, section + strlen(MOUNT_SECTION), key, value, err);
	for (size_t i = 0; i < sizeof(text_keys) / sizeof(text_keys[0]); i++) {
		const struct text_key *known = &text_keys[i];

		if (strcmp(section, known->section) == 0 && strcmp(key, known->name) == 0)
			return set_text((char *)profile + known->offset, known->size, value, err);
	}
	for (size_t i = 0; i < sizeof(number_keys) / sizeof(number_keys[0]); i++) {
		const struct number_key *known = &number_keys[i];

		if (strcmp(section, known->section) == 0 && strcmp(key, known->name) == 0)
			return set_number((uint32_t *)(void *)((char *)profile + known->offset),
					  value, known->most, known->unit, err);
	}
	return gmi_fail(err, GMI_E_PROFILE, "is not known");
}

/*
 * inih ends a value at a semicolon behind a blank, in silence: of "stop a ; stop b" only the half
 * would be run. Comments therefore stand on lines of their own.
 */
static int refuse_cut(struct loading *loading, const char *text)
{
	const char *first = text + strspn(text, " \t");
	const char *at = strchr(first, ';');

	if (*first == ';' || *first == '#')
		return 0;
	while (at && at[-1] != ' ' && at[-1] != '\t')
		at = strchr(at + 1, ';');
	if (!at)
		return 0;
	loading->failed = true;
	return gmi_fail(
		loading->err, GMI_E_PROFILE,
		"%s:%d: a semicolon behind a blank would cut the line off: put a comment on a "
		"line of its own, a command of several parts into a script",
		loading->profile->path, loading->line);
}

/*
 * inih tells keys only. A disk whose keys are all commented out must be missed, not forgotten, so
 * its section's line counts as well.
 */
static int note_disk(struct loading *loading, const char *text)
{
	size_t length = strcspn(text, "]");
	char name[INI_MAX_LINE + 1];

	if (strncmp(text, "[" DISK_SECTION, strlen("[" DISK_SECTION)) != 0 || text[length] != ']')
		return 0;
	snprintf(name, sizeof(name), "%.*s", (int)(length - strlen("[" DISK_SECTION)),
		 text + strlen("[" DISK_SECTION));
	if (find_or_add_disk(loading->profile, name, loading->err))
		return 0;
	loading->failed = true;
	return gmi_error_prefix(loading->err, "%s:%d: [disk %s]", loading->profile->path,
				loading->line, name);
}

static int refuse_long_section(struct loading *loading, const char *text)
{
	if (text[0] != '[' || strcspn(text + 1, "]") <= SECTION_LENGTH_MAX)
		return 0;
	loading->failed = true;
	return gmi_fail(loading->err, GMI_E_PROFILE,
			"%s:%d: the section's name is longer than %u characters",
			loading->profile->path, loading->line, SECTION_LENGTH_MAX);
}

/*
 * inih's callbacks. Reading is ours because Debian's inih neither tells line numbers nor minds
 * cutting a line of more than 199 characters in two.
 */
static char *read_line(char *text, int size, void *context)
{
	struct loading *loading = context;

	if (loading->failed || !fgets(text, size, loading->file))
		return NULL;
	loading->line++;
	if (!strchr(text, '\n') && strlen(text) == (size_t)size - 1) {
		loading->failed = true;
		gmi_fail(loading->err, GMI_E_PROFILE,
			 "%s:%d: the line is longer than %d characters; put a long command into a "
			 "script",
			 loading->profile->path, loading->line, size - 2);
		return NULL;
	}
	if (refuse_cut(loading, text) < 0 || refuse_long_section(loading, text) < 0 ||
	    note_disk(loading, text) < 0)
		return NULL;
	return text;
}

static int on_key(void *context, const char *section, const char *key, const char *value)
{
	struct loading *loading = context;

	if (loading->failed)
		return 0;
	if (set(loading->profile, section, key, value, loading->err) == 0)
		return 1;
	loading->failed = true;
	gmi_error_prefix(loading->err, "%s:%d: [%s] %s", loading->profile->path, loading->line,
			 section, key);
	return 0;
}

static int make_absolute(const struct gmi_profile *profile, char path[256], struct gmi_error *err)
{
	char joined[2 * 256];

	if (path[0] == '/')
		return 0;
	snprintf(joined, sizeof(joined), "%s/%s", profile->folder, path);
	if (strlen(joined) >= 256)
		return gmi_fail(err, GMI_E_PROFILE, "%s: the path %.80s... is too long",
				profile->path, joined);
	memcpy(path, joined, strlen(joined) + 1);
	return 0;
}

/* By whatever names: a disk that is backed up twice would be locked by itself at a restore. */
static bool same_disk(const char *a, const char *b)
{
	char first[PATH_MAX];
	char second[PATH_MAX];
	struct stat node;
	struct stat other;

	if (strcmp(a, b) == 0)
		return true;
	if (!realpath(a, first) || !realpath(b, second))
		return false;
	if (strcmp(first, second) == 0)
		return true;
	return stat(first, &node) == 0 && stat(second, &other) == 0 && S_ISBLK(node.st_mode) &&
	       S_ISBLK(other.st_mode) && node.st_rdev == other.st_rdev;
}

static int complete(struct gmi_profile *profile, struct gmi_error *err)
{
	if (!profile->id[0])
		return gmi_fail(err, GMI_E_PROFILE, "%s: [device] has no id", profile->path);
	if (profile->disk_count == 0)
		return gmi_fail(err, GMI_E_PROFILE, "%s: no [disk NAME]: nothing to back up",
				profile->path);
	for (uint32_t i = 0; i < profile->disk_count; i++) {
		struct gmi_profile_disk *disk = &profile->disks[i];

		if (!disk->path[0])
			return gmi_fail(err, GMI_E_PROFILE, "%s: [disk %s] has no path",
					profile->path, disk->name);
		if (make_absolute(profile, disk->path, err) < 0)
			return -1;
		for (uint32_t j = 0; j < i; j++) {
			if (same_disk(disk->path, profile->disks[j].path))
				return gmi_fail(err, GMI_E_PROFILE,
						"%s: disks %s and %s are the same: %s",
						profile->path, profile->disks[j].name, disk->name,
						disk->path);
		}
	}
	if (!profile->runtime[0])
		snprintf(profile->runtime, sizeof(profile->runtime), DEFAULT_RUNTIME);
	if (make_absolute(profile, profile->runtime, err) < 0 ||
	    (profile->lock[0] && make_absolute(profile, profile->lock, err) < 0) ||
	    (profile->journal[0] && make_absolute(profile, profile->journal, err) < 0))
		return -1;
	if (!profile->listen[0])
		snprintf(profile->listen, sizeof(profile->listen), DEFAULT_LISTEN);
	if (!profile->hooks.timeout)
		profile->hooks.timeout = DEFAULT_HOOK_TIMEOUT;
	if (!profile->hooks.quiesce_limit)
		profile->hooks.quiesce_limit = DEFAULT_QUIESCE_LIMIT;
	if (!profile->client_wait)
		profile->client_wait = DEFAULT_CLIENT_WAIT;
	return 0;
}

static int find_profile(struct gmi_profile *profile, const char *path, struct gmi_error *err)
{
	char absolute[PATH_MAX];
	char *slash;

	if (!realpath(path, absolute))
		return gmi_fail_errno(err, "profile %s", path);
	if (strlen(absolute) >= sizeof(profile->path))
		return gmi_fail(err, GMI_E_PROFILE, "profile %.80s...: the path is too long",
				absolute);
	memcpy(profile->path, absolute, strlen(absolute) + 1);
	slash = strrchr(absolute, '/');
	slash[slash == absolute] = '\0';
	memcpy(profile->folder, absolute, strlen(absolute) + 1);
	return 0;
}

int gmi_profile_load(struct gmi_profile *profile, const char *path, struct gmi_error *err)
{
	struct loading loading = { .profile = profile, .err = err };
	int result;

	memset(profile, 0, sizeof(*profile));
	if (find_profile(profile, path, err) < 0) {
		err->code = GMI_E_PROFILE;
		return -1;
	}
	loading.file = fopen(profile->path, "re");
	if (!loading.file) {
		gmi_fail_errno(err, "profile %s", profile->path);
		err->code = GMI_E_PROFILE;
		return -1;
	}
	result = ini_parse_stream(read_line, &loading, on_key, &loading);
	fclose(loading.file);
	if (loading.failed)
		return -1;
	if (result != 0)
		return gmi_fail(err, GMI_E_PROFILE, "%s:%d: is neither [section] nor key = value",
				profile->path, result);
	return complete(profile, err);
}

enum gmi_rest gmi_profile_rest(const struct gmi_profile *profile, const char *mount_point)
{
	enum gmi_rest rest = GMI_REST_UNTOLD;

	for (uint32_t i = 0; i < profile->mount_count; i++) {
		if (strcmp(profile->mounts[i].path, mount_point) == 0)
			return profile->mounts[i].rest;
		if (strcmp(profile->mounts[i].path, "*") == 0)
			rest = profile->mounts[i].rest;
	}
	return rest;
}
