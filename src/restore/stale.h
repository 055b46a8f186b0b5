/*
 * What today's filesystems use and the backup leaves unused: the files made since the backup. Their
 * blocks are discarded, so that they are really gone. Internal to src/restore.
 */
#ifndef GMI_RESTORE_STALE_H
#define GMI_RESTORE_STALE_H

#include "base/error.h"
#include "base/extents.h"
#include "storage/layout.h"

#include <stdint.h>

/*
 * Today's used bytes of one disk, from its start. `today` is a layout of the disk as it is now.
 */
GMI_MUST_CHECK int gmi_stale_used_today(const struct gmi_layout *today, uint32_t disk,
					struct gmi_extents *used, struct gmi_error *err);

/*
 * Of [start, start + length) of the disk: what `today` (disk offsets) uses and `image` (offsets
 * from start) does not. Appends disk offsets.
 */
GMI_MUST_CHECK int gmi_stale_find(const struct gmi_extents *today, uint64_t start, uint64_t length,
				  const struct gmi_extents *image, struct gmi_extents *stale,
				  struct gmi_error *err);

#endif
