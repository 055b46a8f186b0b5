/* What opening, fetching and verifying share. Internal to src/format. */
#ifndef GMI_FORMAT_READER_INTERNAL_H
#define GMI_FORMAT_READER_INTERNAL_H

#include "format/entries.h"
#include "format/reader.h"
#include "format/zip.h"

struct gmi_reader {
	struct gmi_source *source; /* borrowed */
	struct gmi_manifest manifest;
	uint8_t manifest_hash[GMI_SHA256_LENGTH];
	struct gmi_entries entries;
	struct gmi_zip_entry index_entry;
	struct gmi_zip_entry signature_entry; /* where manifest.is_signed */
	struct gmi_index *index;
	uint8_t root_hash[GMI_SHA256_LENGTH];
	struct gmi_hasher *hasher; /* while it is opened */
};

/* Reads and checks a small entry whole; the caller has bounded its length. *content is malloc'ed.
 */
GMI_MUST_CHECK int gmi_reader_read_entry(struct gmi_source *source,
					 const struct gmi_zip_entry *entry, uint8_t **content,
					 struct gmi_error *err);

/*
 * Reads an entry into the decoder's buffer and checks header and CRC-32. *frame stays valid until
 * the decoder's next use.
 */
GMI_MUST_CHECK int gmi_decoder_load(const struct gmi_reader *reader, struct gmi_decoder *decoder,
				    uint32_t volume, const struct gmi_chunk_entry *entry,
				    const uint8_t **frame, struct gmi_error *err);

#endif
