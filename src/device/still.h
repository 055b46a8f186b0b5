/*
 * The proof that a device's disks stand still while they are read.
 *
 *   gmi_still_begin   after the device has come to rest: no mounted ext filesystem has a journal to
 *                     replay; the kernel's count of what was written to each disk is taken
 *   gmi_still_check   after the last byte was read: the counts are the same
 *
 * The counts see every writer, whoever it is: a filesystem in another mount namespace, a program
 * that writes to the partition itself, a mount that came later. Image files have none; nobody but
 * gmi uses them.
 */
#ifndef GMI_DEVICE_STILL_H
#define GMI_DEVICE_STILL_H

#include "base/error.h"
#include "device/profile.h"
#include "storage/disk.h"

struct gmi_still {
	uint64_t written[GMI_PROFILE_DISKS_MAX]; /* sectors of 512 bytes, discards too */
};

/* A restore overwrites a journal whatever it holds: then `journals` is false and they do not
 * matter. */
GMI_MUST_CHECK int gmi_still_begin(struct gmi_still *still, struct gmi_disk *const *disks,
				   uint32_t disk_count, bool journals, struct gmi_error *err);
GMI_MUST_CHECK int gmi_still_check(const struct gmi_still *still, struct gmi_disk *const *disks,
				   uint32_t disk_count, struct gmi_error *err);

#endif
