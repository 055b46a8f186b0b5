/*
 * Opening a disk, as every kind of it does: looked at by its path, opened, and locked against every
 * other gmi. Internal to src/storage.
 *
 * A kind's open function allocates its struct, calls gmi_disk_init(), then gmi_disk_lock_open(),
 * and measures what it has opened. On failure it closes all and leaves *out NULL.
 */
#ifndef GMI_STORAGE_DISK_OPEN_H
#define GMI_STORAGE_DISK_OPEN_H

#include "storage/disk.h"

/* What the configuration says; no descriptor yet, no unit that would be worth writing whole. */
void gmi_disk_init(struct gmi_disk *disk, const struct gmi_disk_ops *ops,
		   const struct gmi_disk_config *config);

/* Opens disk->fd with these flags and locks it, shared or alone. GMI_E_LAYOUT, GMI_E_JOB_RUNS. */
GMI_MUST_CHECK int gmi_disk_lock_open(struct gmi_disk *disk, int flags, bool alone,
				      struct gmi_error *err);

/* The kinds. disk_file.c: an image, any alignment, through the page cache. */
GMI_MUST_CHECK int gmi_image_disk_open(struct gmi_disk **out, const struct gmi_disk_config *config,
				       struct gmi_error *err);
/* disk_block.c: a block device, past the page cache. */
GMI_MUST_CHECK int gmi_block_disk_open(struct gmi_disk **out, const struct gmi_disk_config *config,
				       struct gmi_error *err);
/* disk_flash.c: raw flash behind an MTD character device. */
GMI_MUST_CHECK int gmi_flash_disk_open(struct gmi_disk **out, const struct gmi_disk_config *config,
				       struct gmi_error *err);

#endif
