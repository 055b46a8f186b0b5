/*
 * Staying in memory: during a restore the disks that gmi itself may have been loaded from are
 * overwritten, and nothing can be loaded from them any more.
 *
 *   gmi_memory_prepare   first of all in main, while there is one thread
 *   gmi_memory_hold      before the first write
 */
#ifndef GMI_DEVICE_MEMORY_H
#define GMI_DEVICE_MEMORY_H

#include "base/error.h"
#include "storage/disk.h"

/* Reads now what libraries read late: time zone, libcrypto's settings. Keeps threads' stacks small.
 */
void gmi_memory_prepare(void);

/*
 * All that is in memory stays there. Fails only if that matters: if part of this program was loaded
 * from one of the disks.
 */
GMI_MUST_CHECK int gmi_memory_hold(struct gmi_disk *const *disks, uint32_t disk_count,
				   struct gmi_error *err);

#endif
