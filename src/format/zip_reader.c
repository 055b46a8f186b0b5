#include "format/zip.h"

#include "base/checked.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_LENGTH (64u << 10)
#define CENTRAL_FIXED 46
#define FULL32 0xffffffffu
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789._-/"

static int damaged(struct gmi_error *err, const char *what)
{
	return gmi_fail(err, GMI_E_DAMAGED, "the file is damaged or cut short: %s", what);
}

/* Reads what the end records say; whether they are right is found by rebuilding them. */
static int read_end(struct gmi_zip_reader *zip, const uint8_t *end, size_t length,
		    struct gmi_error *err)
{
	const uint8_t *plain = end + length - GMI_ZIP_END_MIN;
	const uint8_t *zip64 = length == GMI_ZIP_END_MAX ? end : NULL;
	uint8_t expected[GMI_ZIP_END_MAX];
	uint64_t records;
	size_t size;

	zip->entries = gmi_get_le16(plain + 10);
	zip->directory_length = gmi_get_le32(plain + 12);
	zip->directory_offset = gmi_get_le32(plain + 16);
	if (zip->entries == 0xffff || zip->directory_length == FULL32 ||
	    zip->directory_offset == FULL32) {
		if (!zip64)
			return damaged(err, "its end is not that of a ZIP");
		zip->entries = gmi_get_le64(zip64 + 32);
		zip->directory_length = gmi_get_le64(zip64 + 40);
		zip->directory_offset = gmi_get_le64(zip64 + 48);
	}
	if (!gmi_range_within(zip->directory_offset, zip->directory_length, zip->source->length))
		return damaged(err, "its directory lies outside of it");
	size = gmi_zip_end(zip->directory_offset, zip->directory_length, zip->entries, expected);
	if (size > length || memcmp(expected, end + length - size, size) != 0)
		return damaged(err, "its end is not that of a ZIP");
	records = zip->source->length - zip->directory_offset - zip->directory_length;
	if (records != size)
		return damaged(err, "its directory does not end where it should");
	return 0;
}

int gmi_zip_reader_init(struct gmi_zip_reader *zip, struct gmi_source *source,
			struct gmi_error *err)
{
	uint8_t end[GMI_ZIP_END_MAX];
	size_t length = (size_t)gmi_min_u64(sizeof(end), source->length);

	memset(zip, 0, sizeof(*zip));
	zip->source = source;
	if (length < GMI_ZIP_END_MIN)
		return damaged(err, "it is too short");
	if (gmi_source_read(source, source->length - length, end, length, err) < 0)
		return -1;
	if (read_end(zip, end, length, err) < 0)
		return -1;
	/* Each record has at least its fixed part: a count beyond that lies. */
	if (zip->entries > zip->directory_length / CENTRAL_FIXED)
		return damaged(err, "its directory counts more entries than it has room for");
	zip->window = malloc(WINDOW_LENGTH);
	if (!zip->window)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for the file's directory");
	return 0;
}

void gmi_zip_reader_release(struct gmi_zip_reader *zip)
{
	free(zip->window);
	zip->window = NULL;
}

/* Makes directory bytes [at, at + length) available; at most GMI_ZIP_RECORD_MAX. */
static int look(struct gmi_zip_reader *zip, size_t length, const uint8_t **bytes,
		struct gmi_error *err)
{
	if (!gmi_range_within(zip->at, length, zip->directory_length))
		return damaged(err, "its directory ends within an entry");
	if (zip->at < zip->window_offset ||
	    zip->at + length > zip->window_offset + zip->window_length) {
		zip->window_offset = zip->at;
		zip->window_length =
			(size_t)gmi_min_u64(WINDOW_LENGTH, zip->directory_length - zip->at);
		if (gmi_source_read(zip->source, zip->directory_offset + zip->at, zip->window,
				    zip->window_length, err) < 0)
			return -1;
	}
	*bytes = zip->window + (zip->at - zip->window_offset);
	return 0;
}

/* Fields of a record as they stand there; gmi_zip_next() finds out whether they are canonical. */
static int decode(const uint8_t *record, size_t name, size_t extra, struct gmi_zip_entry *entry)
{
	const uint8_t *more = record + CENTRAL_FIXED + name + 4;

	memcpy(entry->name, record + CENTRAL_FIXED, name);
	entry->name[name] = '\0';
	/* Names go into messages: what a terminal or JSON would choke on stops here. */
	if (strspn(entry->name, NAME_CHARACTERS) != name)
		return -1;
	entry->crc = gmi_get_le32(record + 16);
	entry->length = gmi_get_le32(record + 20);
	entry->offset = gmi_get_le32(record + 42);
	if (entry->length == FULL32) {
		if (extra < 4 + 16)
			return -1;
		entry->length = gmi_get_le64(more);
		more += 16;
		extra -= 16;
	}
	if (entry->offset == FULL32) {
		if (extra < 4 + 8)
			return -1;
		entry->offset = gmi_get_le64(more);
	}
	return 0;
}

static int read_record(struct gmi_zip_reader *zip, struct gmi_zip_entry *entry,
		       struct gmi_error *err)
{
	uint8_t expected[GMI_ZIP_RECORD_MAX];
	const uint8_t *record;
	size_t name;
	size_t extra;
	size_t size;

	if (look(zip, CENTRAL_FIXED, &record, err) < 0)
		return -1;
	name = gmi_get_le16(record + 28);
	extra = gmi_get_le16(record + 30);
	if (name == 0 || name >= GMI_ENTRY_NAME_LENGTH || extra > 28)
		return damaged(err, "an entry of its directory has an impossible name");
	if (look(zip, CENTRAL_FIXED + name + extra, &record, err) < 0)
		return -1;
	if (decode(record, name, extra, entry) < 0)
		return damaged(err, "an entry of its directory is not as it should be");
	size = gmi_zip_central_record(entry, expected);
	if (size != CENTRAL_FIXED + name + extra || memcmp(record, expected, size) != 0)
		return damaged(err, "an entry of its directory is not as it should be");
	zip->at += size;
	return 0;
}

int gmi_zip_next(struct gmi_zip_reader *zip, struct gmi_zip_entry *entry, bool *end,
		 struct gmi_error *err)
{
	uint64_t whole;

	*end = zip->seen == zip->entries;
	if (*end) {
		if (zip->at != zip->directory_length || zip->next_offset != zip->directory_offset)
			return damaged(err, "something lies between its entries");
		return 0;
	}
	if (read_record(zip, entry, err) < 0)
		return -1;
	if (entry->offset != zip->next_offset)
		return damaged(err, "its entries overlap or leave gaps");
	if (!gmi_add_u64(entry->length, gmi_zip_local_header_length(entry), &whole) ||
	    !gmi_range_within(entry->offset, whole, zip->directory_offset))
		return damaged(err, "an entry is longer than the file");
	zip->next_offset = entry->offset + whole;
	zip->seen++;
	return 0;
}
