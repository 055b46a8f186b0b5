/* Opening: the file's tables, each checked before the next is believed. Fetching is fetch.c. */
#include "format/reader.h"

#include "base/checked.h"
#include "base/cleanup.h"
#include "format/reader_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void mimetype_entry(struct gmi_zip_entry *entry)
{
	*entry = (struct gmi_zip_entry){
		.name = GMI_ENTRY_MIMETYPE,
		.length = strlen(GMI_MEDIA_TYPE),
		.crc = gmi_crc32(0, GMI_MEDIA_TYPE, strlen(GMI_MEDIA_TYPE)),
	};
}

/* The file's first bytes are the same in every GMI file. *end: where the manifest's entry begins.
 */
static int check_mimetype(struct gmi_source *source, uint64_t *end, struct gmi_error *err)
{
	struct gmi_zip_entry entry;
	uint8_t expected[GMI_ZIP_RECORD_MAX];
	uint8_t found[GMI_ZIP_RECORD_MAX];
	size_t length;

	mimetype_entry(&entry);
	length = gmi_zip_local_header(&entry, expected);
	memcpy(expected + length, GMI_MEDIA_TYPE, strlen(GMI_MEDIA_TYPE));
	length += strlen(GMI_MEDIA_TYPE);
	*end = length;
	if (source->length < length)
		return gmi_fail(err, GMI_E_NOT_GMI,
				"the file is not a GMI file: it has only %" PRIu64 " bytes",
				source->length);
	if (gmi_source_read(source, 0, found, length, err) < 0)
		return -1;
	if (memcmp(found, expected, length) != 0)
		return gmi_fail(err, GMI_E_NOT_GMI,
				"the file does not begin as a GMI file does: it is something else, "
				"or its first bytes were altered");
	return 0;
}

/*
 * The manifest is found by its local header, before the directory is looked for: a file of a newer
 * format version must be recognised as one whatever its end looks like.
 */
static int read_manifest(struct gmi_reader *reader, uint64_t offset, struct gmi_zip_entry *entry,
			 struct gmi_error *err)
{
	const size_t header_length = 30 + strlen(GMI_ENTRY_MANIFEST);
	GMI_AUTO_FREE char *text = NULL;
	uint8_t header[GMI_ZIP_RECORD_MAX];

	*entry = (struct gmi_zip_entry){ .name = GMI_ENTRY_MANIFEST, .offset = offset };
	if (!gmi_range_within(offset, header_length, reader->source->length))
		return gmi_fail(err, GMI_E_DAMAGED,
				"the file is cut short: its manifest is missing");
	if (gmi_source_read(reader->source, offset, header, header_length, err) < 0)
		return -1;
	entry->crc = gmi_get_le32(header + 14);
	entry->length = gmi_get_le32(header + 18);
	if (entry->length > GMI_MANIFEST_LENGTH_MAX || !gmi_zip_header_matches(entry, header))
		return gmi_fail(err, GMI_E_DAMAGED, "the file is damaged: its manifest is missing");
	if (!gmi_range_within(offset + header_length, entry->length, reader->source->length))
		return gmi_fail(err, GMI_E_DAMAGED, "the file is cut short within its manifest");
	text = malloc((size_t)entry->length + 1);
	if (!text)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for the manifest");
	if (gmi_source_read(reader->source, offset + header_length, text, (size_t)entry->length,
			    err) < 0)
		return -1;
	if (gmi_crc32(0, text, (size_t)entry->length) != entry->crc)
		return gmi_fail(err, GMI_E_DAMAGED,
				"the file is damaged: its manifest was altered");
	gmi_hasher_once(reader->hasher, text, (size_t)entry->length, reader->manifest_hash);
	return gmi_manifest_parse(text, (size_t)entry->length, &reader->manifest, err);
}

static bool same_entry(const struct gmi_zip_entry *a, const struct gmi_zip_entry *b)
{
	return strcmp(a->name, b->name) == 0 && a->offset == b->offset && a->length == b->length &&
	       a->crc == b->crc;
}

static int unexpected(struct gmi_error *err, const char *name)
{
	return gmi_fail(err, GMI_E_DAMAGED, "the file is damaged: unexpected entry %.100s", name);
}

/* mimetype, manifest.json, volumes/..., index, and index.minisig where the manifest announces it.
 */
static int read_directory(struct gmi_reader *reader, const struct gmi_zip_entry *manifest,
			  struct gmi_error *err)
{
	GMI_CLEANUP(gmi_zip_reader_release) struct gmi_zip_reader zip;
	struct gmi_zip_entry entry = { .name = "" };
	struct gmi_zip_entry mimetype;
	bool end = false;

	mimetype_entry(&mimetype);
	if (gmi_zip_reader_init(&zip, reader->source, err) < 0 ||
	    gmi_zip_next(&zip, &entry, &end, err) < 0)
		return -1;
	if (end || !same_entry(&entry, &mimetype))
		return unexpected(err, entry.name);
	if (gmi_zip_next(&zip, &entry, &end, err) < 0)
		return -1;
	if (end || !same_entry(&entry, manifest))
		return unexpected(err, entry.name);
	for (;;) {
		if (gmi_zip_next(&zip, &entry, &end, err) < 0)
			return -1;
		if (end || strncmp(entry.name, GMI_ENTRY_VOLUMES, strlen(GMI_ENTRY_VOLUMES)) != 0)
			break;
		if (gmi_entries_add(&reader->entries, &reader->manifest, &entry, err) < 0)
			return -1;
	}
	if (end || strcmp(entry.name, GMI_ENTRY_INDEX) != 0)
		return unexpected(err, entry.name);
	reader->index_entry = entry;
	if (gmi_zip_next(&zip, &entry, &end, err) < 0)
		return -1;
	if (reader->manifest.is_signed) {
		if (end || strcmp(entry.name, GMI_ENTRY_SIGNATURE) != 0 ||
		    entry.length > GMI_SIGNATURE_LENGTH_MAX)
			return unexpected(err, entry.name);
		reader->signature_entry = entry;
		if (gmi_zip_next(&zip, &entry, &end, err) < 0)
			return -1;
	}
	return end ? 0 : unexpected(err, entry.name);
}

int gmi_reader_read_entry(struct gmi_source *source, const struct gmi_zip_entry *entry,
			  uint8_t **content, struct gmi_error *err)
{
	size_t header = gmi_zip_local_header_length(entry);
	GMI_AUTO_FREE uint8_t *bytes = NULL;
	size_t length = (size_t)entry->length;

	/* Header and content in one read: a source behind a cable answers once. */
	bytes = malloc(header + length);
	if (!bytes)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for %s", entry->name);
	if (gmi_source_read(source, entry->offset, bytes, header + length, err) < 0)
		return -1;
	if (!gmi_zip_header_matches(entry, bytes) ||
	    gmi_crc32(0, bytes + header, length) != entry->crc)
		return gmi_fail(err, GMI_E_DAMAGED, "the file is damaged: its entry %s was altered",
				entry->name);
	memmove(bytes, bytes + header, length);
	*content = gmi_ptr_steal(&bytes);
	return 0;
}

static int read_index(struct gmi_reader *reader, struct gmi_error *err)
{
	uint8_t manifest_hash[GMI_SHA256_LENGTH];
	size_t length = (size_t)reader->index_entry.length;
	uint8_t *bytes;

	if (reader->index_entry.length > GMI_INDEX_LENGTH_MAX)
		return gmi_fail(err, GMI_E_DAMAGED, "the file is damaged: its index is too long");
	if (gmi_reader_read_entry(reader->source, &reader->index_entry, &bytes, err) < 0)
		return -1;
	gmi_hasher_once(reader->hasher, bytes, length, reader->root_hash);
	if (gmi_index_parse(bytes, length, &reader->manifest, manifest_hash, &reader->index, err) <
	    0)
		return -1;
	if (memcmp(manifest_hash, reader->manifest_hash, sizeof(manifest_hash)) != 0)
		return gmi_fail(err, GMI_E_DAMAGED,
				"the file is damaged: its index belongs to another manifest");
	return gmi_entries_check(&reader->entries, &reader->manifest, reader->index, err);
}

static int read_tables(struct gmi_reader *reader, struct gmi_error *err)
{
	struct gmi_zip_entry manifest;
	uint64_t offset;

	if (gmi_hasher_new(&reader->hasher, err) < 0 ||
	    check_mimetype(reader->source, &offset, err) < 0 ||
	    read_manifest(reader, offset, &manifest, err) < 0 ||
	    gmi_entries_init(&reader->entries, &reader->manifest, err) < 0 ||
	    read_directory(reader, &manifest, err) < 0)
		return -1;
	return read_index(reader, err);
}

int gmi_reader_open(struct gmi_reader **out, struct gmi_source *source, struct gmi_error *err)
{
	struct gmi_reader *reader = calloc(1, sizeof(*reader));

	*out = NULL;
	if (!reader)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a reader");
	reader->source = source;
	if (read_tables(reader, err) < 0) {
		gmi_reader_free(reader);
		return -1;
	}
	*out = reader;
	return 0;
}

void gmi_reader_free(struct gmi_reader *reader)
{
	if (!reader)
		return;
	gmi_index_free(reader->index);
	gmi_entries_release(&reader->entries);
	gmi_manifest_release(&reader->manifest);
	gmi_hasher_free(reader->hasher);
	free(reader);
}

const struct gmi_manifest *gmi_reader_manifest(const struct gmi_reader *reader)
{
	return &reader->manifest;
}

const struct gmi_index *gmi_reader_index(const struct gmi_reader *reader)
{
	return reader->index;
}

const uint8_t *gmi_reader_root_hash(const struct gmi_reader *reader)
{
	return reader->root_hash;
}

int gmi_reader_find_volume(const struct gmi_reader *reader, const char *name, uint32_t *volume,
			   struct gmi_error *err)
{
	char names[300] = "";
	size_t used = 0;

	for (*volume = 0; *volume < reader->manifest.volume_count; (*volume)++) {
		const char *candidate = reader->manifest.volumes[*volume].name;

		if (strcmp(candidate, name) == 0)
			return 0;
		if (used < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, " %s",
						 candidate);
	}
	return gmi_fail(err, GMI_E_NOT_FOUND, "the file has no volume %.64s; it has:%s", name,
			names);
}
