/*
 * What a backup will take, told before it starts: looks at the used maps and compresses a sample of
 * chunks spread over the used space. Some tens of milliseconds; reads little.
 */
#ifndef GMI_BACKUP_ESTIMATE_H
#define GMI_BACKUP_ESTIMATE_H

#include "base/error.h"
#include "device/device.h"

struct gmi_estimate {
	uint64_t total_bytes; /* of all disks */
	uint64_t used_bytes;
	uint64_t file_bytes; /* expected, level 1 */
	uint32_t seconds; /* expected where neither link nor client is the bottleneck; at least 1 */
};

GMI_MUST_CHECK int gmi_estimate_make(struct gmi_estimate *estimate, struct gmi_device *device,
				     struct gmi_error *err);

#endif
