/*
 * Partitions that nobody has mounted here may be in use all the same: in another mount namespace,
 * by RAID, by a program. A claim (open(2) with O_EXCL) finds that out, and keeps everybody else
 * from mounting them as long as it is held.
 *
 *   gmi_claims_take      after what is mounted here has come to rest
 *   gmi_claims_release   before it is let go: whoever is to mount them again must be able to
 *
 * What lies beneath device-mapper or RAID is theirs, and is seen by what is mounted from it.
 */
#ifndef GMI_DEVICE_CLAIMS_H
#define GMI_DEVICE_CLAIMS_H

#include "base/error.h"
#include "storage/disk.h"

#define GMI_CLAIMS_MAX 256

struct gmi_claims { /* all zeros: none */
	int fds[GMI_CLAIMS_MAX];
	uint32_t count;
};

enum gmi_claim {
	GMI_CLAIM_ALL,
	GMI_CLAIM_BESIDE_MOUNTS, /* only on disks of which something is mounted: others are claimed
				    whole */
};

/* Fails, naming it, if one is in use. Image files have no partitions. */
GMI_MUST_CHECK int gmi_claims_take(struct gmi_claims *claims, struct gmi_disk *const *disks,
				   uint32_t disk_count, enum gmi_claim which,
				   struct gmi_error *err);
void gmi_claims_release(struct gmi_claims *claims);

#endif
