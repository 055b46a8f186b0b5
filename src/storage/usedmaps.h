/*
 * Used maps of the small filesystems: pure functions of a source, nothing in it is believed. Each
 * fails where the volume cannot be read as what it claims to be; the caller then stores it whole.
 * ext2/3/4 is ext.h. Internal to src/storage.
 */
#ifndef GMI_STORAGE_USEDMAPS_H
#define GMI_STORAGE_USEDMAPS_H

#include "base/error.h"
#include "base/extents.h"
#include "base/source.h"

/* FAT12, FAT16, FAT32: all but the free clusters. Fails for one that was not unmounted, too. */
GMI_MUST_CHECK int gmi_fat_used_map(struct gmi_source *source, struct gmi_extents *used,
				    struct gmi_error *err);

/* The image's own length, if nothing (a hash tree, a signature) follows it. */
GMI_MUST_CHECK int gmi_squashfs_used_map(struct gmi_source *source, struct gmi_extents *used,
					 struct gmi_error *err);

/* The header: what is swapped out dies with the restart. */
GMI_MUST_CHECK int gmi_swap_used_map(struct gmi_source *source, struct gmi_extents *used,
				     struct gmi_error *err);

#endif
