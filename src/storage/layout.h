/*
 * Divides disks into volumes, so that every byte is in exactly one, and finds what each one uses.
 *
 * A volume is a partition, or what lies outside of all partitions: the table at the head
 * ("emmc-head"), gaps ("emmc-gap1"), the tail with the backup table ("emmc-tail"). A disk without a
 * table (raw flash, a bare filesystem) is one volume, called as the disk. A name comes from the GPT
 * partition label where that is a valid and unique name, else "<disk>-p<number>"; "-2" and so on
 * are added where another disk is called like that. Logical partitions of a DOS table
 * are volumes as well, and what lies around them in the extended one is gaps.
 *
 * A used map never leaves out a byte that matters: whoever cannot tell says "all" and why (note).
 */
#ifndef GMI_STORAGE_LAYOUT_H
#define GMI_STORAGE_LAYOUT_H

#include "base/error.h"
#include "base/extents.h"
#include "storage/disk.h"

#define GMI_VOLUME_NAME_LENGTH 64
#define GMI_VOLUME_TEXT_LENGTH 128

struct gmi_volume {
	char name[GMI_VOLUME_NAME_LENGTH]; /* [a-z0-9][a-z0-9._-]*, unique over all disks */
	uint32_t disk;                     /* index of its disk */
	uint64_t offset;                   /* bytes from the disk's start */
	uint64_t length;
	char content[16]; /* "ext4", "ext3", "ext2", "vfat", "squashfs", "swap", "table", "gap",
			     "raw", or blkid's word */
	char label[GMI_VOLUME_TEXT_LENGTH]; /* partition label, else filesystem label, else empty */
	char note[GMI_VOLUME_TEXT_LENGTH];  /* "journal needs recovery: stored whole", else empty */
	struct gmi_extents used;            /* relative to the volume's start */
};

struct gmi_layout {
	struct gmi_volume *volumes; /* by disk, then by offset */
	uint32_t count;
	char (*tables)[16]; /* per disk: "gpt", "dos", "none" */
};

enum gmi_scan {
	GMI_SCAN_USED,   /* for a disk that stands still */
	GMI_SCAN_ALL,    /* every used map is the whole volume */
	GMI_SCAN_GLANCE, /* how much is in use, about, while filesystems may be mounted: for figures
			  */
};

/* On failure *layout is released. */
GMI_MUST_CHECK int gmi_layout_scan(struct gmi_layout *layout, struct gmi_disk *const *disks,
				   uint32_t disk_count, enum gmi_scan how, struct gmi_error *err);
void gmi_layout_release(struct gmi_layout *layout);

#endif
