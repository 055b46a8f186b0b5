/*
 * Reading and writing a range of a volume under its used map: bytes outside of the map read as
 * zeros and are not written. Small gaps are read or written along, because one larger transfer is
 * cheaper than two small ones; and what is written is widened to the disk's write_unit, because the
 * medium would else read, change and write back the rest of it. What lies there is zero in `data`
 * and of no use on the disk. Nothing outside of the range that a call names is touched: whoever
 * must leave a byte alone ends one call before it and begins another behind it, or names it
 * `spared`. A gap that cannot be read does no harm.
 */
#ifndef GMI_STORAGE_USED_IO_H
#define GMI_STORAGE_USED_IO_H

#include "base/error.h"
#include "base/extents.h"
#include "storage/disk.h"

/* A volume, for these functions: where it begins on its disk, and its used map. */
struct gmi_used_view {
	struct gmi_disk *disk;
	uint64_t start; /* bytes from the disk's start */
	const struct gmi_extents *used;
	const struct gmi_extents *spared; /* outside of used, never moved along; NULL: none */
};

/* offset: bytes from the volume's start. */
GMI_MUST_CHECK int gmi_used_read(const struct gmi_used_view *view, uint64_t offset, void *data,
				 size_t length, struct gmi_error *err);

/* *written counts the bytes given to the disk. */
GMI_MUST_CHECK int gmi_used_write(const struct gmi_used_view *view, uint64_t offset,
				  const void *data, size_t length, uint64_t *written,
				  struct gmi_error *err);

/* Makes the used bytes of the range read as zeros. */
GMI_MUST_CHECK int gmi_used_zero(const struct gmi_used_view *view, uint64_t offset, uint64_t length,
				 uint64_t *zeroed, struct gmi_error *err);

#endif
