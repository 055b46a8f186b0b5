#include "device/still.h"

#include "base/text.h"
#include "device/holders.h"
#include "device/mounts.h"
#include "storage/sysfs.h"

#include <stdio.h>
#include <string.h>

/* fs/ext4/ext4.h: the superblock's place, its magic number and the flag of a journal to replay. */
#define EXT_SUPERBLOCK 1024u
#define EXT_SUPERBLOCK_LENGTH 1024u
#define EXT_MAGIC_AT 0x38
#define EXT_INCOMPAT_AT 0x60
#define EXT_INCOMPAT_RECOVER 0x04

#define STAT_SECTOR 512u
#define HOLDERS_TOLD 3u

/*
 * Documentation/block/stat.rst: the seventh number is the sectors written, the fourteenth those
 * discarded (since Linux 4.18).
 */
static bool count_written(const struct gmi_disk *disk, uint64_t *written)
{
	unsigned long long n[14] = { 0 };
	uint64_t counts = 1;
	char folder[64];
	char path[80];
	FILE *file;
	int count = 0;

	*written = 0;
	if (disk->rdev == 0)
		return false;
	gmi_sysfs_folder(folder, disk->rdev);
	snprintf(path, sizeof(path), "%s/stat", folder);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (count < 14 && fscanf(file, "%llu", &n[count]) == 1)
		count++;
	fclose(file);
	*written = n[6] + n[13];
	/* Switched off, the numbers are there and do not move. */
	(void)gmi_sysfs_number(disk->rdev, "queue/iostats", &counts);
	return count >= 7 && counts == 1;
}

static int check_journal(struct gmi_disk *disk, const struct gmi_mount *mount,
			 struct gmi_error *err)
{
	uint8_t superblock[EXT_SUPERBLOCK_LENGTH];

	if (gmi_disk_read(disk, mount->start + EXT_SUPERBLOCK, superblock, sizeof(superblock),
			  err) < 0)
		return -1;
	if (superblock[EXT_MAGIC_AT] != 0x53 || superblock[EXT_MAGIC_AT + 1] != 0xef ||
	    !(superblock[EXT_INCOMPAT_AT] & EXT_INCOMPAT_RECOVER))
		return 0;
	return gmi_fail(
		err, GMI_E_SYSTEM,
		"%s (%s on %s) has not come to rest: its journal still waits to be replayed",
		mount->point, mount->type, mount->source);
}

int gmi_still_begin(struct gmi_still *still, struct gmi_disk *const *disks, uint32_t disk_count,
		    bool journals, struct gmi_error *err)
{
	struct gmi_mounts mounts;
	int result = 0;

	for (uint32_t i = 0; i < disk_count; i++) {
		if (!count_written(disks[i], &still->written[i]) && disks[i]->device &&
		    !disks[i]->flash)
			return gmi_fail(
				err, GMI_E_SYSTEM,
				"the kernel does not count what is written to disk %s (%s), so "
				"nobody could say whether it stood still: write 1 to its "
				"queue/iostats in /sys/block",
				disks[i]->name, disks[i]->path);
	}
	if (!journals)
		return 0;
	if (gmi_mounts_find(&mounts, disks, disk_count, err) < 0)
		return -1;
	for (uint32_t i = 0; result == 0 && i < mounts.count; i++) {
		const struct gmi_mount *mount = &mounts.list[i];

		if (mount->direct && strncmp(mount->type, "ext", 3) == 0)
			result = check_journal(disks[mount->disk], mount, err);
	}
	gmi_mounts_release(&mounts);
	return result;
}

int gmi_still_check(const struct gmi_still *still, struct gmi_disk *const *disks,
		    uint32_t disk_count, struct gmi_error *err)
{
	for (uint32_t i = 0; i < disk_count; i++) {
		struct gmi_disk *disk = disks[i];
		char holders[300];
		uint64_t now;

		if (!count_written(disk, &now) || now == still->written[i])
			continue;
		gmi_holders_of_disk(disks, disk_count, i, HOLDERS_TOLD, holders, sizeof(holders));
		return gmi_fail(
			err, GMI_E_SYSTEM,
			"disk %s (%s) was written to while it was read (%s), so what was read "
			"does not belong together; find out who writes and stop it in the "
			"quiesce hook%s%s",
			disk->name, disk->path,
			gmi_text_bytes((now - still->written[i]) * STAT_SECTOR).text,
			*holders ? ": " : "", holders);
	}
	return 0;
}
