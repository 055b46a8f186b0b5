/*
 * Writes a GMI file strictly forward into a sink; nothing is ever sought back.
 *
 *   gmi_writer_new         mimetype and manifest.json leave at once
 *   per volume, in the manifest's order:
 *     gmi_writer_begin_volume
 *     gmi_writer_data / gmi_writer_zeros, in the order of chunks, until all are given
 *     gmi_writer_unreadable, for each place that could not be read, ascending
 *   gmi_writer_finish      index and ZIP directory
 *
 * The same calls give the same bytes (no clock is read here). Memory grows by some 30 bytes per
 * entry and 32 per data chunk. One thread at a time. After a failure only gmi_writer_free() may be
 * called.
 */
#ifndef GMI_FORMAT_WRITER_H
#define GMI_FORMAT_WRITER_H

#include "base/error.h"
#include "base/extents.h"
#include "base/sha256.h"
#include "base/source.h"
#include "format/manifest.h"

struct gmi_writer; /* opaque */

/* Copies manifest; borrows sink until it is freed. */
GMI_MUST_CHECK int gmi_writer_new(struct gmi_writer **out, struct gmi_sink *sink,
				  const struct gmi_manifest *manifest, struct gmi_error *err);

GMI_MUST_CHECK int gmi_writer_begin_volume(struct gmi_writer *writer,
					   const struct gmi_extents *used, struct gmi_error *err);

/* The next chunk: `frame` is one zstd frame with content size and without checksum. */
GMI_MUST_CHECK int gmi_writer_data(struct gmi_writer *writer, const void *frame, size_t length,
				   const uint8_t hash[GMI_SHA256_LENGTH], struct gmi_error *err);

/* The next `chunks` chunks are all zeros. Runs are joined as far as calls follow each other. */
GMI_MUST_CHECK int gmi_writer_zeros(struct gmi_writer *writer, uint64_t chunks,
				    struct gmi_error *err);

/*
 * Of the current volume: bytes of its used map that could not be read. The chunks that were or will
 * be given hold zeros there.
 */
GMI_MUST_CHECK int gmi_writer_unreadable(struct gmi_writer *writer, uint64_t offset,
					 uint64_t length, struct gmi_error *err);

/* SHA-256 of the index goes to root_hash: it names this backup. */
GMI_MUST_CHECK int gmi_writer_finish(struct gmi_writer *writer,
				     uint8_t root_hash[GMI_SHA256_LENGTH], struct gmi_error *err);
void gmi_writer_free(struct gmi_writer *writer);

/* Bytes given to the sink so far. */
uint64_t gmi_writer_length(const struct gmi_writer *writer);

#endif
