#include "device/claims.h"

#include "device/mounts.h"
#include "storage/sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Somebody who only looks (udev) is gone in a moment. */
#define BUSY_TRIES 20

static bool is_mounted_here(const struct gmi_mounts *mounts, dev_t device)
{
	struct stat source;

	for (uint32_t i = 0; i < mounts->count; i++) {
		const struct gmi_mount *mount = &mounts->list[i];

		if (mount->device == device ||
		    (mount->source[0] == '/' && stat(mount->source, &source) == 0 &&
		     S_ISBLK(source.st_mode) && source.st_rdev == device))
			return true;
	}
	return false;
}

/* Device-mapper and RAID name themselves in the folder "holders". */
static bool has_holders(const char *folder)
{
	char path[PATH_MAX];
	struct dirent *entry;
	bool found = false;
	DIR *holders;

	snprintf(path, sizeof(path), "%.3000s/holders", folder);
	holders = opendir(path);
	while (holders && !found && (entry = readdir(holders)) != NULL)
		found = entry->d_name[0] != '.';
	if (holders)
		closedir(holders);
	return found;
}

static int claim(struct gmi_claims *claims, const struct gmi_disk *disk, const char *node,
		 struct gmi_error *err)
{
	const struct timespec pause = { .tv_nsec = 50000000 };
	int fd = open(node, O_RDONLY | O_EXCL | O_CLOEXEC);

	for (int i = 1; fd < 0 && errno == EBUSY && i < BUSY_TRIES; i++) {
		nanosleep(&pause, NULL);
		fd = open(node, O_RDONLY | O_EXCL | O_CLOEXEC);
	}
	if (fd < 0 && errno != EBUSY)
		return 0; /* no such node, no medium: nobody can use it like this */
	if (fd < 0)
		return gmi_fail(
			err, GMI_E_SYSTEM,
			"%s of disk %s is in use, but not mounted where gmi can see it: perhaps "
			"in another mount namespace or by RAID; let the quiesce hook end that",
			node, disk->name);
	if (claims->count == GMI_CLAIMS_MAX) {
		close(fd);
		return gmi_fail(err, GMI_E_SYSTEM, "more than %d partitions", GMI_CLAIMS_MAX);
	}
	claims->fds[claims->count++] = fd;
	return 0;
}

/* One entry of the disk's folder in sysfs, if it is a partition. */
static int claim_partition(struct gmi_claims *claims, const struct gmi_disk *disk,
			   const struct gmi_mounts *mounts, const char *folder, const char *name,
			   struct gmi_error *err)
{
	char path[PATH_MAX];
	char node[NAME_MAX + 8];
	struct stat status;

	snprintf(path, sizeof(path), "%.64s/%.255s/partition", folder, name);
	if (stat(path, &status) < 0)
		return 0;
	snprintf(path, sizeof(path), "%.64s/%.255s", folder, name);
	/* sysfs writes ! where a device's name has a slash. */
	snprintf(node, sizeof(node), "/dev/%.255s", name);
	for (char *slash = strchr(node, '!'); slash; slash = strchr(slash, '!'))
		*slash = '/';
	if (has_holders(path) || stat(node, &status) < 0 || !S_ISBLK(status.st_mode) ||
	    is_mounted_here(mounts, status.st_rdev))
		return 0;
	return claim(claims, disk, node, err);
}

static int claim_disk(struct gmi_claims *claims, const struct gmi_disk *disk,
		      const struct gmi_mounts *mounts, struct gmi_error *err)
{
	struct dirent *entry;
	char folder[64];
	int result = 0;
	DIR *entries;

	if (!disk->device || disk->flash)
		return 0;
	gmi_sysfs_folder(folder, disk->rdev);
	entries = opendir(folder);
	while (entries && result == 0 && (entry = readdir(entries)) != NULL) {
		if (entry->d_name[0] != '.')
			result = claim_partition(claims, disk, mounts, folder, entry->d_name, err);
	}
	if (entries)
		closedir(entries);
	return result;
}

int gmi_claims_take(struct gmi_claims *claims, struct gmi_disk *const *disks, uint32_t disk_count,
		    enum gmi_claim which, struct gmi_error *err)
{
	struct gmi_mounts mounts;
	int result = 0;

	claims->count = 0;
	if (gmi_mounts_find(&mounts, disks, disk_count, err) < 0)
		return -1;
	for (uint32_t i = 0; result == 0 && i < disk_count; i++)
		if (which == GMI_CLAIM_ALL || gmi_mounts_any_of(&mounts, i))
			result = claim_disk(claims, disks[i], &mounts, err);
	gmi_mounts_release(&mounts);
	if (result < 0)
		gmi_claims_release(claims);
	return result;
}

void gmi_claims_release(struct gmi_claims *claims)
{
	while (claims->count > 0)
		close(claims->fds[--claims->count]);
}
