/* What the kernel tells about a block device in /sys. */
#ifndef GMI_STORAGE_SYSFS_H
#define GMI_STORAGE_SYSFS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The folder of a device, "/sys/dev/block/8:0". */
void gmi_sysfs_folder(char path[64], dev_t rdev);

/* A file with one number, "queue/optimal_io_size". False: there is none. */
bool gmi_sysfs_number(dev_t rdev, const char *name, uint64_t *value);

/*
 * How many bytes the device likes to write at once: the largest of what the kernel names (physical
 * sector, minimum and optimal transfer, grain of discard, erase group of an MMC card) up to 64 KiB.
 * Larger ones (an erase group has megabytes) are never written whole, since gaps of 32 KiB are
 * skipped already; behind them is flash, which programs pages of up to 16 KiB, so they count as
 * that. 1 if nothing is known.
 */
uint32_t gmi_sysfs_write_unit(dev_t rdev);

#endif
