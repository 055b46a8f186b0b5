#include "base/cleanup.h"
#include "base/text.h"
#include "format/manifest.h"
#include "format/manifest_check.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void json_clear(json_t **json)
{
	json_decref(*json);
	*json = NULL;
}

/* ---- encoding ---- */

static json_t *encode_disk(const struct gmi_manifest_disk *disk)
{
	return json_pack("{s:s, s:s, s:I, s:i, s:s}", "name", disk->name, "kind",
			 disk->flash ? "flash" : "block", "length", (json_int_t)disk->length,
			 "sector_length", (int)disk->sector_length, "table", disk->table);
}

static json_t *encode_volume(const struct gmi_manifest *manifest,
			     const struct gmi_manifest_volume *volume)
{
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:s, s:s, s:s}", "name", volume->name, "disk",
			 manifest->disks[volume->disk].name, "offset", (json_int_t)volume->offset,
			 "length", (json_int_t)volume->length, "used", (json_int_t)volume->used,
			 "content", volume->content, "label", volume->label, "note", volume->note);
}

static json_t *encode(const struct gmi_manifest *manifest)
{
	json_t *disks = json_array();
	json_t *volumes = json_array();

	for (uint32_t i = 0; i < manifest->disk_count; i++)
		json_array_append_new(disks, encode_disk(&manifest->disks[i]));
	for (uint32_t i = 0; i < manifest->volume_count; i++)
		json_array_append_new(volumes, encode_volume(manifest, &manifest->volumes[i]));
	/* json_pack() takes both arrays, also when it fails. */
	return json_pack("{s:s, s:i, s:s, s:s, s:{s:s, s:s, s:s}, s:s, s:i, s:b, s:o, s:o}",
			 "format", "gmi", "version", (int)manifest->version, "created",
			 gmi_text_utc(manifest->created).text, "tool", manifest->tool, "device",
			 "id", manifest->device_id, "model", manifest->model, "software",
			 manifest->software, "signature", manifest->is_signed ? "minisign" : "none",
			 "chunk_length", (int)manifest->chunk_length, "all_blocks",
			 manifest->all_blocks, "disks", disks, "volumes", volumes);
}

/* What was found here is wrong with the device's description, not with a file. */
static int cannot_be_written(struct gmi_error *err)
{
	err->code = GMI_E_SYSTEM;
	return gmi_error_prefix(err, "the manifest cannot be written");
}

/* Whether it can be read back: a backup whose manifest nobody takes must fail while it is made. */
static int check_text(const char *text, struct gmi_error *err)
{
	struct gmi_manifest again;

	if (gmi_manifest_parse(text, strlen(text), &again, err) < 0)
		return cannot_be_written(err);
	gmi_manifest_release(&again);
	return 0;
}

int gmi_manifest_encode(const struct gmi_manifest *manifest, struct gmi_sink *sink,
			struct gmi_error *err)
{
	GMI_CLEANUP(json_clear) json_t *json = NULL;
	GMI_AUTO_FREE char *text = NULL;

	if (gmi_manifest_check(manifest, err) < 0)
		return cannot_be_written(err);
	json = encode(manifest);
	text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
	if (!text)
		return gmi_fail(err, GMI_E_SYSTEM,
				"the manifest cannot be written: out of memory, or a name that is "
				"not UTF-8");
	if (check_text(text, err) < 0)
		return -1;
	if (gmi_sink_write(sink, text, strlen(text), err) < 0)
		return -1;
	return gmi_sink_write(sink, "\n", 1, err);
}

/* ---- parsing: each getter says which member is wrong ---- */

static int wrong(struct gmi_error *err, const char *member)
{
	return gmi_fail(err, GMI_E_DAMAGED, "the file's manifest is wrong: \"%s\"", member);
}

static int get_text(const json_t *object, const char *member, char *text, size_t size,
		    struct gmi_error *err)
{
	const json_t *value = json_object_get(object, member);
	size_t length = json_string_length(value);

	/* jansson has seen to it that it is UTF-8 and, without JSON_ALLOW_NUL, has no NUL. */
	if (!json_is_string(value) || length >= size)
		return wrong(err, member);
	memcpy(text, json_string_value(value), length + 1);
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return wrong(err, member);
	}
	return 0;
}

static int get_u64(const json_t *object, const char *member, uint64_t *number,
		   struct gmi_error *err)
{
	const json_t *value = json_object_get(object, member);

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return wrong(err, member);
	*number = (uint64_t)json_integer_value(value);
	return 0;
}

static int get_u32(const json_t *object, const char *member, uint32_t *number,
		   struct gmi_error *err)
{
	uint64_t wide = 0;

	if (get_u64(object, member, &wide, err) < 0)
		return -1;
	if (wide > UINT32_MAX)
		return wrong(err, member);
	*number = (uint32_t)wide;
	return 0;
}

static int get_choice(const json_t *object, const char *member, const char *no, const char *yes,
		      bool *is_yes, struct gmi_error *err)
{
	char text[16];

	if (get_text(object, member, text, sizeof(text), err) < 0)
		return -1;
	*is_yes = strcmp(text, yes) == 0;
	if (!*is_yes && strcmp(text, no) != 0)
		return wrong(err, member);
	return 0;
}

static int get_time(const json_t *object, const char *member, int64_t *seconds,
		    struct gmi_error *err)
{
	char text[24];
	struct tm parts = { 0 };

	if (get_text(object, member, text, sizeof(text), err) < 0)
		return -1;
	if (!strptime(text, "%Y-%m-%dT%H:%M:%SZ", &parts))
		return wrong(err, member);
	*seconds = (int64_t)timegm(&parts);
	/* strptime() takes the 31st of February and blanks for digits, and ends where it likes. */
	if (strcmp(gmi_text_utc(*seconds).text, text) != 0)
		return wrong(err, member);
	return 0;
}

static int parse_disk(const json_t *json, struct gmi_manifest_disk *disk, struct gmi_error *err)
{
	if (get_text(json, "name", disk->name, sizeof(disk->name), err) < 0 ||
	    get_choice(json, "kind", "block", "flash", &disk->flash, err) < 0 ||
	    get_u64(json, "length", &disk->length, err) < 0 ||
	    get_u32(json, "sector_length", &disk->sector_length, err) < 0 ||
	    get_text(json, "table", disk->table, sizeof(disk->table), err) < 0)
		return -1;
	return 0;
}

static int parse_volume(const json_t *json, const struct gmi_manifest *manifest,
			struct gmi_manifest_volume *volume, struct gmi_error *err)
{
	char disk[GMI_NAME_LENGTH];

	if (get_text(json, "name", volume->name, sizeof(volume->name), err) < 0 ||
	    get_text(json, "disk", disk, sizeof(disk), err) < 0 ||
	    get_u64(json, "offset", &volume->offset, err) < 0 ||
	    get_u64(json, "length", &volume->length, err) < 0 ||
	    get_u64(json, "used", &volume->used, err) < 0 ||
	    get_text(json, "content", volume->content, sizeof(volume->content), err) < 0 ||
	    get_text(json, "label", volume->label, sizeof(volume->label), err) < 0 ||
	    get_text(json, "note", volume->note, sizeof(volume->note), err) < 0)
		return -1;
	for (volume->disk = 0; volume->disk < manifest->disk_count; volume->disk++) {
		if (strcmp(disk, manifest->disks[volume->disk].name) == 0)
			return 0;
	}
	return wrong(err, "disk");
}

static int parse_lists(const json_t *json, struct gmi_manifest *manifest, struct gmi_error *err)
{
	const json_t *disks = json_object_get(json, "disks");
	const json_t *volumes = json_object_get(json, "volumes");
	size_t disk_count = json_array_size(disks);
	size_t volume_count = json_array_size(volumes);

	if (disk_count == 0 || disk_count > GMI_DISKS_MAX)
		return wrong(err, "disks");
	if (volume_count == 0 || volume_count > GMI_VOLUMES_MAX)
		return wrong(err, "volumes");
	manifest->disks = calloc(disk_count, sizeof(*manifest->disks));
	manifest->volumes = calloc(volume_count, sizeof(*manifest->volumes));
	if (!manifest->disks || !manifest->volumes)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a manifest");
	manifest->disk_count = (uint32_t)disk_count;
	manifest->volume_count = (uint32_t)volume_count;
	for (size_t i = 0; i < disk_count; i++) {
		if (parse_disk(json_array_get(disks, i), &manifest->disks[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; i < volume_count; i++) {
		if (parse_volume(json_array_get(volumes, i), manifest, &manifest->volumes[i], err) <
		    0)
			return -1;
	}
	return 0;
}

static int parse(const json_t *json, struct gmi_manifest *manifest, struct gmi_error *err)
{
	const json_t *device = json_object_get(json, "device");
	const json_t *all_blocks = json_object_get(json, "all_blocks");
	char format[16];

	if (get_text(json, "format", format, sizeof(format), err) < 0)
		return -1;
	if (strcmp(format, "gmi") != 0)
		return wrong(err, "format");
	if (get_u32(json, "version", &manifest->version, err) < 0)
		return -1;
	/* Before all else: the rest of a newer manifest may look in any way. */
	if (manifest->version > GMI_FORMAT_VERSION)
		return gmi_fail(
			err, GMI_E_VERSION,
			"the file has GMI format version %u, this gmi knows only %d: a newer gmi "
			"is needed",
			manifest->version, GMI_FORMAT_VERSION);
	if (manifest->version == 0)
		return wrong(err, "version");
	if (!json_is_boolean(all_blocks))
		return wrong(err, "all_blocks");
	manifest->all_blocks = json_is_true(all_blocks);
	if (get_time(json, "created", &manifest->created, err) < 0 ||
	    get_text(json, "tool", manifest->tool, sizeof(manifest->tool), err) < 0 ||
	    get_text(device, "id", manifest->device_id, sizeof(manifest->device_id), err) < 0 ||
	    get_text(device, "model", manifest->model, sizeof(manifest->model), err) < 0 ||
	    get_text(device, "software", manifest->software, sizeof(manifest->software), err) < 0 ||
	    get_choice(json, "signature", "none", "minisign", &manifest->is_signed, err) < 0 ||
	    get_u32(json, "chunk_length", &manifest->chunk_length, err) < 0)
		return -1;
	if (parse_lists(json, manifest, err) < 0)
		return -1;
	return gmi_manifest_check(manifest, err);
}

int gmi_manifest_parse(const void *text, size_t length, struct gmi_manifest *manifest,
		       struct gmi_error *err)
{
	GMI_CLEANUP(json_clear) json_t *json = NULL;
	json_error_t where;

	memset(manifest, 0, sizeof(*manifest));
	if (length > GMI_MANIFEST_LENGTH_MAX)
		return gmi_fail(err, GMI_E_DAMAGED, "the file's manifest is too long");
	json = json_loadb(text, length, JSON_REJECT_DUPLICATES, &where);
	if (!json)
		/* jansson's own text quotes the file, which may hold anything. */
		return gmi_fail(err, GMI_E_DAMAGED,
				"the file's manifest is not JSON (line %d, column %d)", where.line,
				where.column);
	if (parse(json, manifest, err) < 0) {
		gmi_manifest_release(manifest);
		return -1;
	}
	return 0;
}
