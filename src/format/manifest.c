/* What a manifest has to satisfy, and its plain data. The JSON is in manifest_json.c. */
#include "format/manifest.h"

#include "base/checked.h"
#include "format/manifest_check.h"
#include "format/names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void gmi_manifest_release(struct gmi_manifest *manifest)
{
	free(manifest->disks);
	free(manifest->volumes);
	memset(manifest, 0, sizeof(*manifest));
}

int gmi_manifest_copy(const struct gmi_manifest *from, struct gmi_manifest *to,
		      struct gmi_error *err)
{
	*to = *from;
	to->disks = malloc(from->disk_count * sizeof(*to->disks));
	to->volumes = malloc(from->volume_count * sizeof(*to->volumes));
	if (!to->disks || !to->volumes) {
		gmi_manifest_release(to);
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a manifest");
	}
	memcpy(to->disks, from->disks, from->disk_count * sizeof(*to->disks));
	memcpy(to->volumes, from->volumes, from->volume_count * sizeof(*to->volumes));
	return 0;
}

bool gmi_name_is_valid(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length >= GMI_NAME_LENGTH || strchr("._-", name[0]))
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == length;
}

uint64_t gmi_chunk_count(uint64_t volume_length, uint32_t chunk_length)
{
	return gmi_div_up_u64(volume_length, chunk_length);
}

uint32_t gmi_chunk_length_at(uint64_t volume_length, uint32_t chunk_length, uint64_t chunk)
{
	return (uint32_t)gmi_min_u64(chunk_length, volume_length - chunk * chunk_length);
}

void gmi_chunk_entry_name(const char *volume, uint64_t chunk, char name[GMI_ENTRY_NAME_LENGTH])
{
	snprintf(name, GMI_ENTRY_NAME_LENGTH, GMI_ENTRY_VOLUMES "%s/%08" PRIu64 ".zst", volume,
		 chunk);
}

static int wrong(struct gmi_error *err, const char *what, const char *name)
{
	return gmi_fail(err, GMI_E_DAMAGED, "the file's manifest is wrong: %s%s%s", what,
			*name ? " " : "", name);
}

static int check_disks(const struct gmi_manifest *manifest, struct gmi_error *err)
{
	for (uint32_t i = 0; i < manifest->disk_count; i++) {
		const struct gmi_manifest_disk *disk = &manifest->disks[i];

		if (!gmi_name_is_valid(disk->name))
			return wrong(err, "impossible name of a disk", "");
		if (disk->length == 0 || disk->length > INT64_MAX)
			return wrong(err, "impossible length of disk", disk->name);
		if (disk->sector_length == 0)
			return wrong(err, "no sector length of disk", disk->name);
		for (uint32_t j = 0; j < i; j++) {
			if (strcmp(disk->name, manifest->disks[j].name) == 0)
				return wrong(err, "two disks are called", disk->name);
		}
	}
	return 0;
}

/* Volumes in the order of disks and offsets, each beginning where the one before it ends. */
static int check_cover(const struct gmi_manifest *manifest, struct gmi_error *err)
{
	uint32_t at = 0;

	for (uint32_t disk = 0; disk < manifest->disk_count; disk++) {
		uint64_t covered = 0;

		for (; at < manifest->volume_count && manifest->volumes[at].disk == disk; at++) {
			const struct gmi_manifest_volume *volume = &manifest->volumes[at];

			if (volume->offset != covered || volume->length == 0 ||
			    !gmi_range_within(volume->offset, volume->length,
					      manifest->disks[disk].length))
				return wrong(err, "bytes of the disk are in no or two volumes at",
					     volume->name);
			covered += volume->length;
		}
		if (covered != manifest->disks[disk].length)
			return wrong(err, "volumes do not cover disk", manifest->disks[disk].name);
	}
	if (at != manifest->volume_count)
		return wrong(err, "volumes out of order", "");
	return 0;
}

static int check_volumes(const struct gmi_manifest *manifest, struct gmi_error *err)
{
	for (uint32_t i = 0; i < manifest->volume_count; i++) {
		const struct gmi_manifest_volume *volume = &manifest->volumes[i];

		if (!gmi_name_is_valid(volume->name))
			return wrong(err, "impossible name of a volume", "");
		if (volume->used > volume->length)
			return wrong(err, "more is used than there is of volume", volume->name);
		for (uint32_t j = 0; j < i; j++) {
			if (strcmp(volume->name, manifest->volumes[j].name) == 0)
				return wrong(err, "two volumes are called", volume->name);
		}
	}
	return check_cover(manifest, err);
}

int gmi_manifest_check(const struct gmi_manifest *manifest, struct gmi_error *err)
{
	uint32_t chunk = manifest->chunk_length;

	if (chunk < GMI_CHUNK_LENGTH_MIN || chunk > GMI_CHUNK_LENGTH_MAX ||
	    (chunk & (chunk - 1)) != 0)
		return wrong(err, "impossible chunk length", "");
	if (manifest->disk_count == 0 || manifest->disk_count > GMI_DISKS_MAX ||
	    manifest->volume_count == 0 || manifest->volume_count > GMI_VOLUMES_MAX)
		return wrong(err, "impossible count of disks or volumes", "");
	if (manifest->device_id[0] == '\0')
		return wrong(err, "no device id", "");
	if (check_disks(manifest, err) < 0)
		return -1;
	return check_volumes(manifest, err);
}
