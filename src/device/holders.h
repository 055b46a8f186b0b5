/*
 * Which processes hold files of a filesystem open for writing, or mapped so: what stands in the way
 * of its rest, for a message. Looks through /proc; sees what the caller's rights allow.
 */
#ifndef GMI_DEVICE_HOLDERS_H
#define GMI_DEVICE_HOLDERS_H

#include "storage/disk.h"

#include <stddef.h>
#include <sys/types.h>

/*
 * Writes a list like "influxd (pid 812) holds /data/wal/1 open for writing" to text, at most
 * `most` processes; empty if none was found. `device` is the filesystem's, as stat() shows it.
 * Returns how many processes there are.
 */
unsigned int gmi_holders_tell(dev_t device, unsigned int most, char *text, size_t size);

/* The same of whoever writes to a disk itself or to a device on it, past every filesystem. */
unsigned int gmi_holders_of_disk(struct gmi_disk *const *disks, uint32_t disk_count, uint32_t disk,
				 unsigned int most, char *text, size_t size);

#endif
