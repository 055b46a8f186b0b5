#include "base/cleanup.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/exit.h"
#include "cli/file.h"
#include "cli/options.h"

#include <jansson.h>
#include <stdio.h>

static uint64_t unreadable(const struct gmi_opened_file *opened, uint32_t volume)
{
	return gmi_extents_total(gmi_index_unreadable(gmi_reader_index(opened->reader), volume));
}

static void tell_volume(const struct gmi_opened_file *opened, uint32_t number)
{
	const struct gmi_manifest_volume *volume =
		&gmi_reader_manifest(opened->reader)->volumes[number];
	uint64_t lost = unreadable(opened, number);

	printf("  %-20s %-9s %10s, %10s in use", volume->name, volume->content,
	       gmi_text_bytes(volume->length).text, gmi_text_bytes(volume->used).text);
	if (lost > 0)
		printf(", of which %s could not be read", gmi_text_bytes(lost).text);
	printf("%s%s\n", *volume->note ? "; " : "", volume->note);
}

static void tell(const struct gmi_opened_file *opened)
{
	const struct gmi_manifest *manifest = gmi_reader_manifest(opened->reader);
	char hex[GMI_SHA256_HEX];

	gmi_sha256_to_hex(gmi_reader_root_hash(opened->reader), hex);
	printf("Device     %s%s%s\n", manifest->device_id, *manifest->model ? ", " : "",
	       manifest->model);
	printf("Software   %s\n", *manifest->software ? manifest->software : "not known");
	printf("Made       %s by %s\n", gmi_text_utc(manifest->created).text, manifest->tool);
	printf("Signature  %s\n", manifest->is_signed ? "there, not checked" : "none");
	printf("File       %s, format version %u, chunks of %s%s\n",
	       gmi_text_bytes(opened->file.source.length).text, manifest->version,
	       gmi_text_bytes(manifest->chunk_length).text,
	       manifest->all_blocks ? ", a forensic copy" : "");
	printf("Root hash  %s\n", hex);
	for (uint32_t i = 0; i < manifest->disk_count; i++) {
		const struct gmi_manifest_disk *disk = &manifest->disks[i];

		printf("\nDisk %s: %s, %s%s%s\n", disk->name, gmi_text_bytes(disk->length).text,
		       disk->flash ? "raw flash" : "block device, table ",
		       disk->flash ? "" : disk->table, "");
		for (uint32_t j = 0; j < manifest->volume_count; j++) {
			if (manifest->volumes[j].disk == i)
				tell_volume(opened, j);
		}
	}
}

static json_t *disks_json(const struct gmi_manifest *manifest)
{
	json_t *disks = json_array();

	for (uint32_t i = 0; i < manifest->disk_count; i++) {
		const struct gmi_manifest_disk *disk = &manifest->disks[i];

		json_array_append_new(
			disks, json_pack("{s:s, s:s, s:I, s:I, s:s}", "name", disk->name, "kind",
					 disk->flash ? "flash" : "block", "length",
					 (json_int_t)disk->length, "sector_length",
					 (json_int_t)disk->sector_length, "table", disk->table));
	}
	return disks;
}

static json_t *volumes_json(const struct gmi_opened_file *opened)
{
	const struct gmi_manifest *manifest = gmi_reader_manifest(opened->reader);
	json_t *volumes = json_array();

	for (uint32_t i = 0; i < manifest->volume_count; i++) {
		const struct gmi_manifest_volume *volume = &manifest->volumes[i];

		json_array_append_new(
			volumes,
			json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:s, s:s}", "name",
				  volume->name, "disk", manifest->disks[volume->disk].name,
				  "offset", (json_int_t)volume->offset, "length",
				  (json_int_t)volume->length, "used", (json_int_t)volume->used,
				  "unreadable", (json_int_t)unreadable(opened, i), "content",
				  volume->content, "label", volume->label, "note", volume->note));
	}
	return volumes;
}

static void tell_json(const struct gmi_opened_file *opened)
{
	const struct gmi_manifest *manifest = gmi_reader_manifest(opened->reader);
	char hex[GMI_SHA256_HEX];
	json_t *json;

	gmi_sha256_to_hex(gmi_reader_root_hash(opened->reader), hex);
	json = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:i, s:I, s:s, s:o, s:o}",
			 "version", (int)manifest->version, "device", manifest->device_id, "model",
			 manifest->model, "software", manifest->software, "created",
			 gmi_text_utc(manifest->created).text, "tool", manifest->tool, "signed",
			 manifest->is_signed, "all_blocks", manifest->all_blocks, "chunk_length",
			 (int)manifest->chunk_length, "file_bytes",
			 (json_int_t)opened->file.source.length, "root_hash", hex, "disks",
			 disks_json(manifest), "volumes", volumes_json(opened));
	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(json);
}

int gmi_cmd_info(const struct gmi_command *command, int argc, char **argv)
{
	GMI_CLEANUP(gmi_opened_file_close) struct gmi_opened_file opened = { .reader = NULL };
	struct gmi_options options;
	struct gmi_error err;
	int exit_code;

	if (!gmi_options_parse(&options, command, "j", 1, 1, argc, argv, &exit_code))
		return exit_code;
	if (gmi_opened_file_open(&opened, options.arguments[0], &err) < 0)
		return gmi_exit_with(&err, NULL);
	(options.json ? tell_json : tell)(&opened);
	return 0;
}
