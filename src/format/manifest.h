/*
 * manifest.json: what the file is a backup of. Encoded first, so that a reader of a stream knows
 * from the start which device, disks and volumes are coming.
 *
 * A manifest that gmi_manifest_parse() accepts is consistent: names are unique and safe in paths,
 * every byte of every disk is in exactly one volume, volumes stand in the order of disks and
 * offsets, all sums fit. Nothing later has to check that again. Plain data: no locks, release when
 * done.
 */
#ifndef GMI_FORMAT_MANIFEST_H
#define GMI_FORMAT_MANIFEST_H

#include "base/error.h"
#include "base/source.h"
#include "format/format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GMI_TEXT_LENGTH 128 /* free text with its NUL: UTF-8 without control characters */

struct gmi_manifest_disk {
	char name[GMI_NAME_LENGTH]; /* from the profile: "emmc", "flash" */
	bool flash;                 /* raw flash rather than a block device */
	uint64_t length;            /* bytes */
	uint32_t sector_length;     /* bytes: 512 or 4096; 1 for raw flash images */
	char table[16];             /* "gpt", "dos", "none" */
};

struct gmi_manifest_volume {
	char name[GMI_NAME_LENGTH];
	uint32_t disk;               /* index into disks */
	uint64_t offset;             /* bytes from the disk's start */
	uint64_t length;             /* bytes, at least 1 */
	uint64_t used;               /* bytes under its used map */
	char content[16];            /* "ext4", "vfat", "squashfs", "swap", "table", "raw", ... */
	char label[GMI_TEXT_LENGTH]; /* partition or filesystem label, may be empty */
	char note[GMI_TEXT_LENGTH];  /* why a volume was stored otherwise than expected, else empty
				      */
};

struct gmi_manifest {
	uint32_t version; /* GMI_FORMAT_VERSION */
	int64_t created;  /* Unix time, seconds */
	char tool[GMI_TEXT_LENGTH];
	char device_id[GMI_NAME_LENGTH];
	char model[GMI_TEXT_LENGTH];
	char software[GMI_TEXT_LENGTH];
	uint32_t chunk_length; /* bytes */
	bool all_blocks;       /* a forensic copy: unused space is stored too */
	bool is_signed;        /* index.minisig is there */
	struct gmi_manifest_disk *disks;
	uint32_t disk_count;
	struct gmi_manifest_volume *volumes;
	uint32_t volume_count;
};

void gmi_manifest_release(struct gmi_manifest *manifest);

/* Writes the JSON text to sink, or fails if gmi_manifest_parse() would not accept it. */
GMI_MUST_CHECK int gmi_manifest_encode(const struct gmi_manifest *manifest, struct gmi_sink *sink,
				       struct gmi_error *err);

/*
 * Reads JSON text. Fails with GMI_E_VERSION for a version that is newer, GMI_E_DAMAGED for all
 * else. On failure *manifest is released and empty. Members it does not know are ignored.
 */
GMI_MUST_CHECK int gmi_manifest_parse(const void *json, size_t length,
				      struct gmi_manifest *manifest, struct gmi_error *err);

/* A deep copy, released by its owner. */
GMI_MUST_CHECK int gmi_manifest_copy(const struct gmi_manifest *from, struct gmi_manifest *to,
				     struct gmi_error *err);

/* Whether a text can be a disk or volume name. */
bool gmi_name_is_valid(const char *name);

/* Chunks of a volume of this length; the last may be shorter. */
uint64_t gmi_chunk_count(uint64_t volume_length, uint32_t chunk_length);

/* Length of chunk number `chunk`. */
uint32_t gmi_chunk_length_at(uint64_t volume_length, uint32_t chunk_length, uint64_t chunk);

#endif
