/*
 * Telling the kernel which partitions a disk has now. Not by BLKRRPART, which wants the whole disk
 * for itself and forgets every partition where the kernel cannot read this kind of table: what
 * differs is taken away and added one by one, as partx(8) does.
 */
#include "base/checked.h"
#include "base/cleanup.h"
#include "storage/disk.h"
#include "storage/sysfs.h"
#include "storage/table.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/blkpg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

/* The kernel counts in these whatever the disk's own sectors are. */
#define KERNEL_SECTOR 512u
/* Somebody who only looks at a partition (udev) is gone in a moment. */
#define BUSY_TRIES 20

static void folder_clear(DIR **folder)
{
	if (*folder)
		closedir(*folder);
	*folder = NULL;
}

static int change_kernel(struct gmi_disk *disk, int operation,
			 const struct gmi_partition *partition)
{
	const struct timespec pause = { .tv_nsec = 50000000 };
	struct blkpg_partition told = {
		.start = (long long)partition->offset,
		.length = (long long)partition->length,
		.pno = (int)partition->number,
	};
	struct blkpg_ioctl_arg argument = {
		.op = operation,
		.datalen = sizeof(told),
		.data = &told,
	};
	int result = ioctl(disk->fd, BLKPG, &argument);

	for (int i = 1; result < 0 && errno == EBUSY && i < BUSY_TRIES; i++) {
		nanosleep(&pause, NULL);
		result = ioctl(disk->fd, BLKPG, &argument);
	}
	return result;
}

static bool is_in(const struct gmi_partition *list, size_t count,
		  const struct gmi_partition *wanted)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i].number == wanted->number && list[i].offset == wanted->offset &&
		    list[i].length == wanted->length)
			return true;
	}
	return false;
}

/* One entry of the disk's folder in /sys; false if it is no partition. */
static bool read_partition(const struct gmi_disk *disk, const char *entry,
			   struct gmi_partition *partition)
{
	const char *const names[] = { "partition", "start", "size" };
	uint64_t values[3];
	char path[300];

	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", entry, names[i]);
		if (!gmi_sysfs_number(disk->rdev, path, &values[i]))
			return false;
	}
	memset(partition, 0, sizeof(*partition));
	partition->number = (uint32_t)values[0];
	partition->offset = values[1] * KERNEL_SECTOR;
	partition->length = values[2] * KERNEL_SECTOR;
	return true;
}

/* The partitions that the kernel knows. free(*list). */
static int read_kernel(const struct gmi_disk *disk, struct gmi_partition **list, size_t *count,
		       struct gmi_error *err)
{
	GMI_CLEANUP(folder_clear) DIR *folder = NULL;
	struct gmi_partition partition;
	struct dirent *entry;
	char path[64];

	*list = NULL;
	*count = 0;
	gmi_sysfs_folder(path, disk->rdev);
	folder = opendir(path);
	if (!folder)
		return gmi_fail_errno(err, "%s", path);
	while ((entry = readdir(folder)) != NULL) {
		struct gmi_partition *grown;

		if (entry->d_name[0] == '.' || !read_partition(disk, entry->d_name, &partition))
			continue;
		grown = realloc(*list, (*count + 1) * sizeof(*grown));
		if (!grown)
			return gmi_fail(err, GMI_E_SYSTEM, "out of memory for partitions");
		*list = grown;
		grown[(*count)++] = partition;
	}
	return 0;
}

static int differs(const struct gmi_disk *disk, const struct gmi_partition *partition,
		   const char *verb, struct gmi_error *err)
{
	return gmi_fail_errno(err,
			      "disk %s (%s): the system cannot %s partition %" PRIu32
			      " and needs a restart to know the disk as it is now",
			      disk->name, disk->path, verb, partition->number);
}

/* An extended partition holds others and is no volume of ours: the kernel may keep its node. */
static bool is_extended(const struct gmi_table *table, const struct gmi_partition *partition)
{
	return table->extended.number == partition->number &&
	       table->extended.offset == partition->offset;
}

/* All that can be told is told, whatever cannot; the first failure is the one that is returned. */
static int tell_kernel(struct gmi_disk *disk, const struct gmi_table *table,
		       const struct gmi_partition *known, size_t count, struct gmi_error *err)
{
	struct gmi_error other;
	int result = 0;

	for (size_t i = 0; i < count; i++) {
		if (is_in(table->partitions, table->count, &known[i]) ||
		    is_extended(table, &known[i]))
			continue;
		/* It may be gone already, with the extended partition around it. */
		if (change_kernel(disk, BLKPG_DEL_PARTITION, &known[i]) < 0 && errno != ENXIO)
			result = differs(disk, &known[i], "forget", result ? &other : err);
	}
	for (size_t i = 0; i < table->count; i++) {
		if (!is_in(known, count, &table->partitions[i]) &&
		    change_kernel(disk, BLKPG_ADD_PARTITION, &table->partitions[i]) < 0)
			result = differs(disk, &table->partitions[i], "add", result ? &other : err);
	}
	return result;
}

int gmi_disk_reread_table(struct gmi_disk *disk, struct gmi_error *err)
{
	GMI_AUTO_FREE struct gmi_partition *known = NULL;
	struct gmi_table table;
	uint64_t number;
	size_t count;
	int result;

	/* Raw flash and a partition that serves as a disk have no partitions that the kernel knows.
	 */
	if (!disk->device || disk->flash || disk->fd < 0 ||
	    gmi_sysfs_number(disk->rdev, "partition", &number))
		return 0;
	if (read_kernel(disk, &known, &count, err) < 0)
		return gmi_error_prefix(err, "disk %s", disk->name);
	gmi_disk_drop_cache(disk);
	if (gmi_table_read(&table, disk, err) < 0)
		return -1;
	if (table.problem)
		result = gmi_fail(err, GMI_E_SYSTEM,
				  "disk %s (%s): %s: the system needs a restart to know the disk "
				  "as it is now",
				  disk->name, disk->path, table.problem);
	else
		result = tell_kernel(disk, &table, known, count, err);
	gmi_table_release(&table);
	return result;
}
