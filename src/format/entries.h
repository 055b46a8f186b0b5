/*
 * Where each chunk lies in the file: the ZIP directory's volume entries, collected and then held
 * against the index, so that each chunk is known to be there exactly once and as the index says.
 * Internal to src/format.
 */
#ifndef GMI_FORMAT_ENTRIES_H
#define GMI_FORMAT_ENTRIES_H

#include "format/index.h"
#include "format/zip.h"

struct gmi_chunk_entry {
	uint64_t chunk;  /* the first, of an entry of zeros */
	uint64_t offset; /* of its local header */
	uint32_t length; /* of the frame */
	uint32_t crc;    /* of the frame */
};

struct gmi_volume_entries {
	struct gmi_chunk_entry *list; /* ascending */
	size_t count;
	size_t capacity;
};

struct gmi_entries {
	struct gmi_volume_entries *volumes; /* as in the manifest */
	uint32_t count;
	uint32_t at; /* volume of the latest entry */
};

GMI_MUST_CHECK int gmi_entries_init(struct gmi_entries *entries,
				    const struct gmi_manifest *manifest, struct gmi_error *err);
void gmi_entries_release(struct gmi_entries *entries);

/* The next entry below volumes/, in the file's order. */
GMI_MUST_CHECK int gmi_entries_add(struct gmi_entries *entries, const struct gmi_manifest *manifest,
				   const struct gmi_zip_entry *entry, struct gmi_error *err);

/* All entries against all runs of the index. Zero frames are known by their CRC-32. */
GMI_MUST_CHECK int gmi_entries_check(const struct gmi_entries *entries,
				     const struct gmi_manifest *manifest,
				     const struct gmi_index *index, struct gmi_error *err);

/* The entry of this very chunk, or NULL. */
const struct gmi_chunk_entry *gmi_entries_find(const struct gmi_entries *entries, uint32_t volume,
					       uint64_t chunk);

/* The ZIP entry that stands behind a chunk's. */
void gmi_entries_to_zip(const struct gmi_manifest *manifest, uint32_t volume,
			const struct gmi_chunk_entry *entry, struct gmi_zip_entry *zip);

#endif
