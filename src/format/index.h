/*
 * The index: for every volume its used map and what each of its chunks holds (SHA-256 of the
 * content, or "all zeros"). It binds the manifest by hash, so one signature over the index covers
 * everything.
 *
 * Places that were in use and could not be read are recorded beside the used map and are not in it:
 * nobody knows what they held. In a chunk's content they are zeros, as all that is unused.
 *
 * Built forward by the writer, parsed by the reader; then only read, from any thread. A parsed
 * index is consistent with the manifest that it was parsed with. Its hashes stay in the parsed
 * bytes: memory is the index's own length, and a stretch of zeros costs nothing.
 */
#ifndef GMI_FORMAT_INDEX_H
#define GMI_FORMAT_INDEX_H

#include "base/error.h"
#include "base/extents.h"
#include "base/sha256.h"
#include "base/source.h"
#include "format/manifest.h"

struct gmi_index; /* opaque */

/* Building: begin, then per volume in order volume + chunks in order, then encode. */
GMI_MUST_CHECK int gmi_index_new(struct gmi_index **out, const struct gmi_manifest *manifest,
				 struct gmi_error *err);
/* Copies `used`. */
GMI_MUST_CHECK int gmi_index_begin_volume(struct gmi_index *index, const struct gmi_extents *used,
					  struct gmi_error *err);
GMI_MUST_CHECK int gmi_index_add_data(struct gmi_index *index,
				      const uint8_t hash[GMI_SHA256_LENGTH], struct gmi_error *err);
GMI_MUST_CHECK int gmi_index_add_zeros(struct gmi_index *index, uint64_t chunks,
				       struct gmi_error *err);
/* Of the current volume, bytes of its `used`, ascending: they leave the used map. */
GMI_MUST_CHECK int gmi_index_add_unreadable(struct gmi_index *index, uint64_t offset,
					    uint64_t length, struct gmi_error *err);
GMI_MUST_CHECK int gmi_index_encode(const struct gmi_index *index,
				    const uint8_t manifest_hash[GMI_SHA256_LENGTH],
				    struct gmi_sink *sink, struct gmi_error *err);

/*
 * Parses `length` bytes; takes `data` (malloc'ed) in every case, also on failure. The hash of the
 * manifest's bytes that the index names goes to manifest_hash for the caller to compare.
 */
GMI_MUST_CHECK int gmi_index_parse(void *data, size_t length, const struct gmi_manifest *manifest,
				   uint8_t manifest_hash[GMI_SHA256_LENGTH], struct gmi_index **out,
				   struct gmi_error *err);
void gmi_index_free(struct gmi_index *index);

/* ---- asking a parsed index; one that is being built answers nothing ---- */

/* The hash of a chunk's content, or NULL if the chunk is all zeros. */
const uint8_t *gmi_index_chunk(const struct gmi_index *index, uint32_t volume, uint64_t chunk);

/* Chunks from `chunk` on that are of the same kind (all zeros, or data); at least 1. */
uint64_t gmi_index_same_kind(const struct gmi_index *index, uint32_t volume, uint64_t chunk);

const struct gmi_extents *gmi_index_used(const struct gmi_index *index, uint32_t volume);

/* What was in use and could not be read. Disjoint from the used map; mostly empty. */
const struct gmi_extents *gmi_index_unreadable(const struct gmi_index *index, uint32_t volume);

uint64_t gmi_index_unreadable_total(const struct gmi_index *index); /* bytes of all volumes */

#endif
