#include "backup/manifest_of.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(GMI_NAME_LENGTH >= GMI_VOLUME_NAME_LENGTH, "a volume's name fits into the manifest");
_Static_assert(GMI_NAME_LENGTH >= GMI_DISK_NAME_LENGTH, "a disk's name fits into the manifest");
_Static_assert(GMI_TEXT_LENGTH >= GMI_VOLUME_TEXT_LENGTH, "labels and notes fit into the manifest");

static void describe_disk(struct gmi_manifest_disk *to, const struct gmi_disk *from,
			  const char *table)
{
	snprintf(to->name, sizeof(to->name), "%s", from->name);
	snprintf(to->table, sizeof(to->table), "%s", table);
	to->flash = from->flash;
	to->length = from->length;
	to->sector_length = from->sector_length;
}

static void describe_volume(struct gmi_manifest_volume *to, const struct gmi_volume *from)
{
	snprintf(to->name, sizeof(to->name), "%s", from->name);
	snprintf(to->content, sizeof(to->content), "%s", from->content);
	snprintf(to->label, sizeof(to->label), "%s", from->label);
	snprintf(to->note, sizeof(to->note), "%s", from->note);
	to->disk = from->disk;
	to->offset = from->offset;
	to->length = from->length;
	to->used = gmi_extents_total(&from->used);
}

int gmi_manifest_of(struct gmi_manifest *manifest, const struct gmi_device *device,
		    const struct gmi_layout *layout, uint32_t chunk_length,
		    const struct gmi_backup_options *options, struct gmi_error *err)
{
	memset(manifest, 0, sizeof(*manifest));
	manifest->version = GMI_FORMAT_VERSION;
	manifest->created = options->created;
	manifest->chunk_length = chunk_length;
	manifest->all_blocks = options->all_blocks;
	snprintf(manifest->tool, sizeof(manifest->tool), "gmi %s", GMI_VERSION);
	snprintf(manifest->device_id, sizeof(manifest->device_id), "%s", device->identity.id);
	snprintf(manifest->model, sizeof(manifest->model), "%s", device->identity.model);
	snprintf(manifest->software, sizeof(manifest->software), "%s", device->identity.software);

	manifest->disks = calloc(device->disk_count, sizeof(*manifest->disks));
	manifest->volumes = calloc(layout->count, sizeof(*manifest->volumes));
	if (!manifest->disks || !manifest->volumes) {
		gmi_manifest_release(manifest);
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for %u volumes", layout->count);
	}
	manifest->disk_count = device->disk_count;
	manifest->volume_count = layout->count;
	for (uint32_t i = 0; i < device->disk_count; i++)
		describe_disk(&manifest->disks[i], device->disks[i], layout->tables[i]);
	for (uint32_t i = 0; i < layout->count; i++)
		describe_volume(&manifest->volumes[i], &layout->volumes[i]);
	return 0;
}
