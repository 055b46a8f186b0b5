#include "restore/check.h"

#include "base/text.h"

#include <string.h>

static struct gmi_disk *find_disk(const struct gmi_device *device, const char *name)
{
	for (uint32_t i = 0; i < device->disk_count; i++) {
		if (strcmp(device->disks[i]->name, name) == 0)
			return device->disks[i];
	}
	return NULL;
}

static bool manifest_has_disk(const struct gmi_manifest *manifest, const char *name)
{
	for (uint32_t i = 0; i < manifest->disk_count; i++) {
		if (strcmp(manifest->disks[i].name, name) == 0)
			return true;
	}
	return false;
}

static int check_disk(const struct gmi_manifest_disk *wanted, const struct gmi_disk *disk,
		      struct gmi_report *report, struct gmi_error *err)
{
	if (disk->flash != wanted->flash)
		return gmi_fail(err, GMI_E_LAYOUT,
				"disk %s is %s in the backup but %s on this device", wanted->name,
				wanted->flash ? "raw flash" : "a block device",
				disk->flash ? "raw flash" : "a block device");
	/* Partition tables count in sectors: the same table would mean other places. */
	if (!wanted->flash && disk->sector_length != wanted->sector_length)
		return gmi_fail(err, GMI_E_LAYOUT,
				"disk %s (%s) has sectors of %u bytes, the backup's disk had %u",
				disk->name, disk->path, disk->sector_length, wanted->sector_length);
	if (disk->length < wanted->length)
		return gmi_fail(
			err, GMI_E_LAYOUT,
			"disk %s (%s) is too small: it has %llu bytes (%s), the backup needs "
			"%llu (%s)",
			disk->name, disk->path, (unsigned long long)disk->length,
			gmi_text_bytes(disk->length).text, (unsigned long long)wanted->length,
			gmi_text_bytes(wanted->length).text);
	if (disk->length > wanted->length)
		gmi_report_say(
			report,
			"Disk %s is larger than at the backup by %s; that part is left alone",
			disk->name, gmi_text_bytes(disk->length - wanted->length).text);
	return 0;
}

int gmi_restore_check(const struct gmi_manifest *manifest, const struct gmi_device *device,
		      struct gmi_disk **disks, struct gmi_report *report, struct gmi_error *err)
{
	if (strcmp(manifest->device_id, device->identity.id) != 0)
		return gmi_fail(err, GMI_E_WRONG_DEVICE,
				"the file is a backup of device %s, but this device is %s",
				manifest->device_id, device->identity.id);
	for (uint32_t i = 0; i < manifest->disk_count; i++) {
		disks[i] = find_disk(device, manifest->disks[i].name);
		if (!disks[i])
			return gmi_fail(
				err, GMI_E_LAYOUT,
				"the backup holds a disk %s, which this device does not have",
				manifest->disks[i].name);
		if (check_disk(&manifest->disks[i], disks[i], report, err) < 0)
			return -1;
	}
	for (uint32_t i = 0; i < device->disk_count; i++) {
		if (!manifest_has_disk(manifest, device->disks[i]->name))
			return gmi_fail(err, GMI_E_LAYOUT,
					"this device's disk %s is not in the backup, so the device "
					"could not be brought back whole",
					device->disks[i]->name);
	}
	return 0;
}
