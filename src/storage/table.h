/*
 * What libblkid tells: the partition table of a disk, and which filesystem a region holds. Internal
 * to src/storage.
 */
#ifndef GMI_STORAGE_TABLE_H
#define GMI_STORAGE_TABLE_H

#include "base/error.h"
#include "storage/disk.h"

#include <stddef.h>
#include <stdint.h>

struct gmi_partition {
	uint64_t offset; /* bytes from the disk's start */
	uint64_t length; /* bytes, at least 1 */
	uint32_t number; /* as the kernel counts */
	char label[128]; /* GPT name, UTF-8, may be empty */
};

struct gmi_table {
	char type[16]; /* "gpt", "dos", ..., "none" */
	struct gmi_partition
		*partitions; /* by offset; neither overlapping nor outside of the disk */
	size_t count;
	struct gmi_partition extended; /* of a DOS table: holds others; number 0: there is none */
	const char *problem;           /* why the table cannot be used; then count is 0 */
};

GMI_MUST_CHECK int gmi_table_read(struct gmi_table *table, struct gmi_disk *disk,
				  struct gmi_error *err);
void gmi_table_release(struct gmi_table *table);

/* blkid's word for what a region holds ("ext4", "vfat", ...), "raw" if it knows none or several. */
GMI_MUST_CHECK int gmi_probe_content(struct gmi_disk *disk, uint64_t offset, uint64_t length,
				     char content[16], char label[128], struct gmi_error *err);

#endif
