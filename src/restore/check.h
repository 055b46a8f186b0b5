/*
 * Whether a GMI file may be restored to this device at all: the right device, and disks that are
 * there and large enough. Pure comparison, nothing is read or written. Internal to src/restore.
 */
#ifndef GMI_RESTORE_CHECK_H
#define GMI_RESTORE_CHECK_H

#include "base/error.h"
#include "base/report.h"
#include "device/device.h"
#include "format/manifest.h"

/*
 * disks[i] becomes the device's disk for the manifest's disk i (room for disk_count). Refusals:
 * GMI_E_WRONG_DEVICE names both devices, GMI_E_LAYOUT the disk and both sizes.
 */
GMI_MUST_CHECK int gmi_restore_check(const struct gmi_manifest *manifest,
				     const struct gmi_device *device, struct gmi_disk **disks,
				     struct gmi_report *report, struct gmi_error *err);

#endif
