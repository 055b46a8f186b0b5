/*
 * The little of ZIP that GMI uses (APPNOTE.TXT 6.3.x), in one canonical form: stored entries, no
 * data descriptors, no comments, fixed times and attributes, ZIP64 exactly where a number does not
 * fit.
 *
 * Because the form is canonical, a record follows from the entry's name, length, CRC-32 and place
 * alone. The reader rebuilds each record and compares it byte for byte, so there is nothing in a
 * ZIP header that could say one thing to us and another to somebody else's unzip. Internal to
 * src/format.
 */
#ifndef GMI_FORMAT_ZIP_H
#define GMI_FORMAT_ZIP_H

#include "base/error.h"
#include "base/source.h"
#include "format/format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "volumes/" + a volume's name + "/" + at most 20 digits + ".zst" + NUL */
#define GMI_ENTRY_NAME_LENGTH (8 + GMI_NAME_LENGTH + 1 + 20 + 4 + 1)
#define GMI_ZIP_RECORD_MAX (46 + GMI_ENTRY_NAME_LENGTH + 28)

struct gmi_zip_entry {
	char name[GMI_ENTRY_NAME_LENGTH];
	uint64_t offset; /* of its local header */
	uint64_t length; /* of its content */
	uint32_t crc;    /* CRC-32 of its content */
};

/* Both return the record's length. */
size_t gmi_zip_local_header(const struct gmi_zip_entry *entry, uint8_t record[GMI_ZIP_RECORD_MAX]);
size_t gmi_zip_central_record(const struct gmi_zip_entry *entry,
			      uint8_t record[GMI_ZIP_RECORD_MAX]);

#define GMI_ZIP_END_MIN 22 /* end of central directory record (4.3.16) without comment */
#define GMI_ZIP_END_MAX \
	(GMI_ZIP_END_MIN + 76) /* with the ZIP64 record and its locator before it \
				*/

/* The records behind the directory. Returns their length. */
size_t gmi_zip_end(uint64_t directory, uint64_t length, uint64_t entries,
		   uint8_t record[GMI_ZIP_END_MAX]);

size_t gmi_zip_local_header_length(const struct gmi_zip_entry *entry);

/* ---- writing ---- */

struct gmi_zip_writer {
	struct gmi_sink *sink; /* borrowed */
	uint64_t offset;       /* bytes written so far */
	uint64_t entries;
	uint64_t left;                    /* content bytes that the open entry still wants */
	struct gmi_memory_sink directory; /* central records so far, some 80 bytes each */
};

void gmi_zip_writer_init(struct gmi_zip_writer *zip, struct gmi_sink *sink);
void gmi_zip_writer_release(struct gmi_zip_writer *zip);

/* An entry whose length and CRC-32 are known; exactly `length` bytes must follow by gmi_zip_data().
 */
GMI_MUST_CHECK int gmi_zip_begin(struct gmi_zip_writer *zip, const char *name, uint64_t length,
				 uint32_t crc, struct gmi_error *err);
GMI_MUST_CHECK int gmi_zip_data(struct gmi_zip_writer *zip, const void *data, size_t length,
				struct gmi_error *err);
/* Both at once. */
GMI_MUST_CHECK int gmi_zip_add(struct gmi_zip_writer *zip, const char *name, const void *data,
			       size_t length, struct gmi_error *err);
GMI_MUST_CHECK int gmi_zip_finish(struct gmi_zip_writer *zip, struct gmi_error *err);

/* ---- reading ---- */

struct gmi_zip_reader {
	struct gmi_source *source; /* borrowed */
	uint64_t directory_offset;
	uint64_t directory_length;
	uint64_t entries;
	uint64_t next_offset; /* where the next entry has to begin */
	uint64_t at;          /* within the directory */
	uint64_t seen;        /* entries so far */
	uint8_t *window;      /* a part of the directory: it is never read whole */
	uint64_t window_offset;
	size_t window_length;
};

/* Finds the directory at the file's end. GMI_E_DAMAGED where it is not as it has to be. */
GMI_MUST_CHECK int gmi_zip_reader_init(struct gmi_zip_reader *zip, struct gmi_source *source,
				       struct gmi_error *err);
void gmi_zip_reader_release(struct gmi_zip_reader *zip);

/*
 * The next entry of the directory, checked: canonical record, a name of the characters that GMI's
 * names are made of, and its bytes follow the previous entry's without gap or overlap. *end at the
 * end, when all of it has been accounted for.
 */
GMI_MUST_CHECK int gmi_zip_next(struct gmi_zip_reader *zip, struct gmi_zip_entry *entry, bool *end,
				struct gmi_error *err);

/* Compares header bytes from the file with what the directory says. */
bool gmi_zip_header_matches(const struct gmi_zip_entry *entry, const uint8_t *header);

uint32_t gmi_crc32(uint32_t crc, const void *data, size_t length);

#endif
