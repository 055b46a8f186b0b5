#include "device/holders.h"

#include "base/text.h"
#include "device/mounts.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define OVERLAYS_MAX 8

/* What is looked for: the files of a filesystem, or (disks not NULL) the device nodes of a disk. */
struct wanted {
	dev_t device;
	int overlays[OVERLAYS_MAX]; /* mounts whose files are in truth files of `device` */
	uint32_t overlay_count;
	struct gmi_disk *const *disks;
	uint32_t disk_count;
	uint32_t disk;
};

static bool is_wanted(const struct wanted *wanted, const struct stat *file)
{
	uint32_t disk;

	if (!wanted->disks)
		return S_ISREG(file->st_mode) && file->st_dev == wanted->device;
	return S_ISBLK(file->st_mode) &&
	       gmi_mounts_disk_of(wanted->disks, wanted->disk_count, file->st_rdev, &disk) &&
	       disk == wanted->disk;
}

/*
 * The overlays whose upper directory lies on the filesystem: what is written there holds it, though
 * stat() shows the overlay's own device.
 */
static void find_overlays(struct wanted *wanted)
{
	FILE *table = fopen("/proc/self/mountinfo", "re");
	struct gmi_mount mount;
	char *line = NULL;
	size_t size = 0;

	while (table && getline(&line, &size, table) >= 0 && wanted->overlay_count < OVERLAYS_MAX) {
		struct stat folder;
		char *upper;

		line[strcspn(line, "\n")] = '\0';
		if (!gmi_mount_parse(&mount, line) || strcmp(mount.type, "overlay") != 0)
			continue;
		upper = strstr(mount.options, "upperdir=");
		if (!upper)
			continue;
		upper += strlen("upperdir=");
		upper[strcspn(upper, ",")] = '\0';
		gmi_mount_unescape(upper);
		if (stat(upper, &folder) == 0 && folder.st_dev == wanted->device)
			wanted->overlays[wanted->overlay_count++] = atoi(line);
	}
	free(line);
	if (table)
		fclose(table);
}

static bool is_on_overlay(const struct wanted *wanted, const struct stat *file, int mount)
{
	for (uint32_t i = 0; i < wanted->overlay_count; i++) {
		if (S_ISREG(file->st_mode) && wanted->overlays[i] == mount)
			return true;
	}
	return false;
}

/* proc_pid_fdinfo(5): the flags of open(2), in octal; and the mount by which it was opened. */
static bool is_open_for_writing(const char *pid, const char *fd, int *mount)
{
	char path[64];
	char line[64];
	unsigned int flags = 0;
	FILE *file;

	*mount = -1;

	snprintf(path, sizeof(path), "/proc/%.12s/fdinfo/%.12s", pid, fd);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (*mount < 0 && fgets(line, sizeof(line), file)) {
		(void)sscanf(line, "flags: %o", &flags);
		(void)sscanf(line, "mnt_id: %d", mount);
	}
	fclose(file);
	return (flags & O_ACCMODE) != O_RDONLY;
}

/* Where a link of /proc leads, for people. */
static void read_name(const char *link, char name[PATH_MAX])
{
	ssize_t length = readlink(link, name, PATH_MAX - 1);

	name[length > 0 ? length : 0] = '\0';
	gmi_text_clean(name);
}

static bool holds_open(const char *pid, const struct wanted *wanted, char name[PATH_MAX])
{
	char folder[64];
	struct dirent *entry;
	bool found = false;
	DIR *files;

	snprintf(folder, sizeof(folder), "/proc/%.12s/fd", pid);
	files = opendir(folder);
	while (files && !found && (entry = readdir(files)) != NULL) {
		char link[96];
		struct stat file;
		int mount;

		snprintf(link, sizeof(link), "%s/%.12s", folder, entry->d_name);
		found = entry->d_name[0] != '.' && stat(link, &file) == 0 &&
			is_open_for_writing(pid, entry->d_name, &mount) &&
			(is_wanted(wanted, &file) || is_on_overlay(wanted, &file, mount));
		if (found)
			read_name(link, name);
	}
	if (files)
		closedir(files);
	return found;
}

/* proc_pid_maps(5): a shared mapping that may be written keeps its file open without a descriptor.
 */
static bool holds_mapped(const char *pid, dev_t device, char name[PATH_MAX])
{
	char path[64];
	char *line = NULL;
	size_t size = 0;
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.12s/maps", pid);
	file = fopen(path, "re");
	while (file && !found && getline(&line, &size, file) >= 0) {
		unsigned int major;
		unsigned int minor;
		int at = 0;
		char rights[8];

		if (sscanf(line, "%*s %7s %*s %x:%x %*s %n", rights, &major, &minor, &at) < 3)
			continue;
		found = rights[1] == 'w' && rights[3] == 's' && makedev(major, minor) == device;
		if (found)
			snprintf(name, PATH_MAX, "%s", line + at);
	}
	if (file)
		fclose(file);
	free(line);
	name[found ? strcspn(name, "\n") : 0] = '\0';
	gmi_text_clean(name);
	return found;
}

static void read_command(const char *pid, char command[32])
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.12s/comm", pid);
	file = fopen(path, "re");
	if (!file || !fgets(command, 32, file))
		snprintf(command, 32, "?");
	if (file)
		fclose(file);
	command[strcspn(command, "\n")] = '\0';
	gmi_text_clean(command);
}

static unsigned int tell(const struct wanted *wanted, unsigned int most, char *text, size_t size)
{
	DIR *processes = opendir("/proc");
	unsigned int count = 0;
	struct dirent *entry;
	size_t length = 0;

	text[0] = '\0';
	while (processes && (entry = readdir(processes)) != NULL) {
		char name[PATH_MAX] = "";
		char command[32];
		bool open;

		if (!isdigit((unsigned char)entry->d_name[0]) || atoi(entry->d_name) == getpid())
			continue;
		open = holds_open(entry->d_name, wanted, name);
		if (!open && (wanted->disks || !holds_mapped(entry->d_name, wanted->device, name)))
			continue;
		if (count++ >= most || length >= size)
			continue;
		read_command(entry->d_name, command);
		length += (size_t)snprintf(text + length, size - length,
					   "%s%s (pid %.12s) holds %.160s %s for writing",
					   length ? "; " : "", command, entry->d_name, name,
					   open ? "open" : "mapped");
	}
	if (processes)
		closedir(processes);
	return count;
}

unsigned int gmi_holders_tell(dev_t device, unsigned int most, char *text, size_t size)
{
	struct wanted wanted = { .device = device };

	find_overlays(&wanted);
	return tell(&wanted, most, text, size);
}

unsigned int gmi_holders_of_disk(struct gmi_disk *const *disks, uint32_t disk_count, uint32_t disk,
				 unsigned int most, char *text, size_t size)
{
	struct wanted wanted = { .disks = disks, .disk_count = disk_count, .disk = disk };

	return tell(&wanted, most, text, size);
}
