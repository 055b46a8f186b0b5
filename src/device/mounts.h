/*
 * Which mounted filesystems lie on a device's disks, as the kernel tells: /proc/self/mountinfo for
 * what is mounted (proc_pid_mountinfo(5)), sysfs for what lies on what: a partition on its disk,
 * device-mapper and RAID on their slaves, a loop device on its file.
 *
 *   gmi_mounts_find      a fresh look, in the order in which they were mounted
 *   gmi_mounts_release
 *
 * Only this process's mount namespace is seen. Bind mounts of one filesystem are several mounts
 * with the same device. Plain data afterwards.
 */
#ifndef GMI_DEVICE_MOUNTS_H
#define GMI_DEVICE_MOUNTS_H

#include "base/error.h"
#include "storage/disk.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define GMI_MOUNT_LINE 1024

struct gmi_mount {
	char line[GMI_MOUNT_LINE]; /* mountinfo's own; the rest is read from it */
	char point[256];
	char type[24];       /* "ext4", "vfat", "xfs" */
	char source[256];    /* what was mounted: mostly a device node */
	char options[512];   /* the filesystem's own, without ro and rw */
	unsigned long flags; /* MS_NOSUID and so on, of the mount, without MS_RDONLY */
	dev_t device;        /* of the filesystem, as stat() shows it */
	bool read_only;      /* the filesystem itself, whatever the mount is */
	bool only_to_read;   /* this mount of it: mount --bind -o ro */
	bool whole;          /* mounted from its root on, not a folder of it */

	uint32_t disk;  /* index of the disk that it lies on */
	bool direct;    /* straight on that disk, at `start`; not by way of another device */
	uint64_t start; /* bytes from the disk's start; 0 if not direct */
	int partition;  /* the kernel's number of it; 0: the bare disk, or not direct */
};

struct gmi_mounts {
	struct gmi_mount *list;
	uint32_t count;
};

GMI_MUST_CHECK int gmi_mounts_find(struct gmi_mounts *mounts, struct gmi_disk *const *disks,
				   uint32_t disk_count, struct gmi_error *err);
void gmi_mounts_release(struct gmi_mounts *mounts);

/* Whether anything is mounted from disk number `disk`. */
bool gmi_mounts_any_of(const struct gmi_mounts *mounts, uint32_t disk);

/*
 * Reads one line of mountinfo into all but disk, direct and start. False if it makes no sense, or
 * is longer than we take; `device` is known then all the same, where the line has one.
 */
bool gmi_mount_parse(struct gmi_mount *mount, const char *line);

/*
 * Which disk a block device lies on; false: on none of them. For swap and for whatever else is a
 * device.
 */
bool gmi_mounts_disk_of(struct gmi_disk *const *disks, uint32_t disk_count, dev_t device,
			uint32_t *disk);

/*
 * Which disk an open file's bytes lie on, also by way of an overlay: what is written there goes to
 * its upper directory, what is only read may come from any of its layers.
 */
bool gmi_mounts_disk_of_file(struct gmi_disk *const *disks, uint32_t disk_count, int fd,
			     uint32_t *disk);

/* The kernel writes mount points and swap files with blanks as \040; this undoes it, in place. */
void gmi_mount_unescape(char *text);

#endif
