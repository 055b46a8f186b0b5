/* Records and writing. Section numbers are those of PKWARE's APPNOTE.TXT 6.3.10. */
#include "format/zip.h"

#include "base/checked.h"

#include <assert.h>
#include <string.h>
#include <zlib.h>

#define LOCAL_SIGNATURE 0x04034b50u   /* 4.3.7 */
#define CENTRAL_SIGNATURE 0x02014b50u /* 4.3.12 */
#define END_SIGNATURE 0x06054b50u     /* 4.3.16 */
#define END64_SIGNATURE 0x06064b50u   /* 4.3.14 */
#define LOCATOR_SIGNATURE 0x07064b50u /* 4.3.15 */
#define VERSION_PLAIN 20
#define VERSION_ZIP64 45
#define MADE_BY_UNIX (3 << 8 | VERSION_ZIP64)
#define DATE_1980_01_01 0x0021
#define ATTRIBUTES_FILE_0644 (0100644u << 16)
#define FULL32 0xffffffffu
#define FULL16 0xffffu

uint32_t gmi_crc32(uint32_t crc, const void *data, size_t length)
{
	return (uint32_t)crc32_z(crc, data, length);
}

static uint32_t saturate32(uint64_t value)
{
	return value >= FULL32 ? FULL32 : (uint32_t)value;
}

/* What local header and central record have in common (4.4.3 to 4.4.11). Returns the bytes written.
 */
static size_t put_common(const struct gmi_zip_entry *entry, bool zip64, size_t extra, uint8_t *p)
{
	gmi_put_le16(p, zip64 ? VERSION_ZIP64 : VERSION_PLAIN);
	gmi_put_le16(p + 2, 0); /* flags */
	gmi_put_le16(p + 4, 0); /* stored */
	gmi_put_le16(p + 6, 0); /* time */
	gmi_put_le16(p + 8, DATE_1980_01_01);
	gmi_put_le32(p + 10, entry->crc);
	gmi_put_le32(p + 14, saturate32(entry->length));
	gmi_put_le32(p + 18, saturate32(entry->length));
	gmi_put_le16(p + 22, (uint16_t)strlen(entry->name));
	gmi_put_le16(p + 24, (uint16_t)extra);
	return 26;
}

size_t gmi_zip_local_header_length(const struct gmi_zip_entry *entry)
{
	return 30 + strlen(entry->name) + (entry->length >= FULL32 ? 20 : 0);
}

size_t gmi_zip_local_header(const struct gmi_zip_entry *entry, uint8_t record[GMI_ZIP_RECORD_MAX])
{
	size_t name = strlen(entry->name);
	bool large = entry->length >= FULL32;
	uint8_t *p = record;

	gmi_put_le32(p, LOCAL_SIGNATURE);
	p += 4;
	p += put_common(entry, large, large ? 20 : 0, p);
	memcpy(p, entry->name, name);
	p += name;
	if (large) { /* 4.5.3: in a local header both sizes, always */
		gmi_put_le16(p, 1);
		gmi_put_le16(p + 2, 16);
		gmi_put_le64(p + 4, entry->length);
		gmi_put_le64(p + 12, entry->length);
		p += 20;
	}
	return (size_t)(p - record);
}

size_t gmi_zip_central_record(const struct gmi_zip_entry *entry, uint8_t record[GMI_ZIP_RECORD_MAX])
{
	size_t name = strlen(entry->name);
	bool large = entry->length >= FULL32;
	bool far = entry->offset >= FULL32;
	size_t extra = (large ? 16u : 0u) + (far ? 8u : 0u);
	uint8_t *p = record;

	gmi_put_le32(p, CENTRAL_SIGNATURE);
	gmi_put_le16(p + 4, MADE_BY_UNIX);
	p += 6;
	p += put_common(entry, large || far, extra ? extra + 4 : 0, p);
	memset(p, 0, 6); /* comment length, disk number, internal attributes */
	gmi_put_le32(p + 6, ATTRIBUTES_FILE_0644);
	gmi_put_le32(p + 10, saturate32(entry->offset));
	p += 14;
	memcpy(p, entry->name, name);
	p += name;
	if (extra) { /* 4.5.3: only the fields that did not fit, in this order */
		gmi_put_le16(p, 1);
		gmi_put_le16(p + 2, (uint16_t)extra);
		p += 4;
	}
	if (large) {
		gmi_put_le64(p, entry->length);
		gmi_put_le64(p + 8, entry->length);
		p += 16;
	}
	if (far) {
		gmi_put_le64(p, entry->offset);
		p += 8;
	}
	return (size_t)(p - record);
}

bool gmi_zip_header_matches(const struct gmi_zip_entry *entry, const uint8_t *header)
{
	uint8_t expected[GMI_ZIP_RECORD_MAX];
	size_t length = gmi_zip_local_header(entry, expected);

	return memcmp(header, expected, length) == 0;
}

static size_t put_zip64_end(uint64_t directory, uint64_t length, uint64_t entries, uint8_t *p)
{
	memset(p, 0, 76);
	gmi_put_le32(p, END64_SIGNATURE);
	gmi_put_le64(p + 4, 56 - 12); /* length of the rest of this record */
	gmi_put_le16(p + 12, MADE_BY_UNIX);
	gmi_put_le16(p + 14, VERSION_ZIP64);
	gmi_put_le64(p + 24, entries); /* on this disk; 16 to 23 are disk numbers, zero */
	gmi_put_le64(p + 32, entries);
	gmi_put_le64(p + 40, length);
	gmi_put_le64(p + 48, directory);
	gmi_put_le32(p + 56, LOCATOR_SIGNATURE);
	gmi_put_le64(p + 64, directory + length); /* of the record above */
	gmi_put_le32(p + 72, 1);                  /* number of disks */
	return 76;
}

size_t gmi_zip_end(uint64_t directory, uint64_t length, uint64_t entries,
		   uint8_t record[GMI_ZIP_END_MAX])
{
	uint8_t *p = record;

	if (entries >= FULL16 || length >= FULL32 || directory >= FULL32)
		p += put_zip64_end(directory, length, entries, p);
	gmi_put_le32(p, END_SIGNATURE);
	gmi_put_le32(p + 4, 0); /* disk numbers */
	gmi_put_le16(p + 8, entries >= FULL16 ? FULL16 : (uint16_t)entries);
	gmi_put_le16(p + 10, entries >= FULL16 ? FULL16 : (uint16_t)entries);
	gmi_put_le32(p + 12, saturate32(length));
	gmi_put_le32(p + 16, saturate32(directory));
	gmi_put_le16(p + 20, 0); /* comment */
	return (size_t)(p - record) + GMI_ZIP_END_MIN;
}

void gmi_zip_writer_init(struct gmi_zip_writer *zip, struct gmi_sink *sink)
{
	memset(zip, 0, sizeof(*zip));
	zip->sink = sink;
	gmi_memory_sink_init(&zip->directory);
}

void gmi_zip_writer_release(struct gmi_zip_writer *zip)
{
	gmi_memory_sink_release(&zip->directory);
}

static int put(struct gmi_zip_writer *zip, const void *data, size_t length, struct gmi_error *err)
{
	zip->offset += length;
	return gmi_sink_write(zip->sink, data, length, err);
}

int gmi_zip_begin(struct gmi_zip_writer *zip, const char *name, uint64_t length, uint32_t crc,
		  struct gmi_error *err)
{
	struct gmi_zip_entry entry = { .offset = zip->offset, .length = length, .crc = crc };
	uint8_t record[GMI_ZIP_RECORD_MAX];
	size_t size;

	assert(zip->left == 0 && strlen(name) < sizeof(entry.name));
	strcpy(entry.name, name);
	size = gmi_zip_central_record(&entry, record);
	if (gmi_sink_write(&zip->directory.sink, record, size, err) < 0)
		return -1;
	zip->entries++;
	zip->left = length;
	size = gmi_zip_local_header(&entry, record);
	return put(zip, record, size, err);
}

int gmi_zip_data(struct gmi_zip_writer *zip, const void *data, size_t length, struct gmi_error *err)
{
	assert(length <= zip->left);
	zip->left -= length;
	return put(zip, data, length, err);
}

int gmi_zip_add(struct gmi_zip_writer *zip, const char *name, const void *data, size_t length,
		struct gmi_error *err)
{
	if (gmi_zip_begin(zip, name, length, gmi_crc32(0, data, length), err) < 0)
		return -1;
	return gmi_zip_data(zip, data, length, err);
}

int gmi_zip_finish(struct gmi_zip_writer *zip, struct gmi_error *err)
{
	uint8_t record[GMI_ZIP_END_MAX];
	uint64_t directory = zip->offset;

	assert(zip->left == 0);
	if (put(zip, zip->directory.data, zip->directory.length, err) < 0)
		return -1;
	return put(zip, record, gmi_zip_end(directory, zip->directory.length, zip->entries, record),
		   err);
}
