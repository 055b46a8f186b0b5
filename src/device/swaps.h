/* Swap space on a device's disks: the kernel writes there whenever it likes. */
#ifndef GMI_DEVICE_SWAPS_H
#define GMI_DEVICE_SWAPS_H

#include "base/error.h"
#include "storage/disk.h"

/* Fails, with its name, if any disk carries swap space that is in use: a partition or a file. */
GMI_MUST_CHECK int gmi_swaps_refuse(struct gmi_disk *const *disks, uint32_t disk_count,
				    struct gmi_error *err);

#endif
