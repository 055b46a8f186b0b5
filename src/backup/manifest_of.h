/* What a backup says of itself: the manifest of a device as its layout shows it. Internal to
 * src/backup. */
#ifndef GMI_BACKUP_MANIFEST_OF_H
#define GMI_BACKUP_MANIFEST_OF_H

#include "backup/backup.h"
#include "format/manifest.h"
#include "storage/layout.h"

GMI_MUST_CHECK int gmi_manifest_of(struct gmi_manifest *manifest, const struct gmi_device *device,
				   const struct gmi_layout *layout, uint32_t chunk_length,
				   const struct gmi_backup_options *options, struct gmi_error *err);

#endif
