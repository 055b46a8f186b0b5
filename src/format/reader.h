/*
 * Reads a GMI file at any place, from any source.
 *
 * gmi_reader_open() reads the tables (ZIP directory, manifest, index) and checks them against each
 * other: entries neither overlap nor repeat nor lie outside, each chunk is there exactly once,
 * names and lengths are as the format says. What it accepts can be trusted in structure; a chunk's
 * bytes are checked when they are fetched (local header, CRC-32 by the frame's length, SHA-256).
 * Nothing from the file is used as a length before it was checked against a limit.
 *
 * Then the reader is only read: several threads may fetch at once, each with a decoder of its own.
 * The source is borrowed until gmi_reader_free().
 */
#ifndef GMI_FORMAT_READER_H
#define GMI_FORMAT_READER_H

#include "base/error.h"
#include "base/report.h"
#include "base/source.h"
#include "format/index.h"
#include "format/manifest.h"

struct gmi_reader;  /* opaque */
struct gmi_decoder; /* opaque: zstd context, hasher and one buffer for a compressed chunk */

GMI_MUST_CHECK int gmi_reader_open(struct gmi_reader **out, struct gmi_source *source,
				   struct gmi_error *err);
void gmi_reader_free(struct gmi_reader *reader);

const struct gmi_manifest *gmi_reader_manifest(const struct gmi_reader *reader);
const struct gmi_index *gmi_reader_index(const struct gmi_reader *reader);
/* SHA-256 of the index: names this backup. */
const uint8_t *gmi_reader_root_hash(const struct gmi_reader *reader);

GMI_MUST_CHECK int gmi_decoder_new(struct gmi_decoder **out, const struct gmi_reader *reader,
				   struct gmi_error *err);
void gmi_decoder_free(struct gmi_decoder *decoder);

/*
 * Fetches one chunk that the index names as data: reads its entry from the source, decodes it into
 * `plain` (room for chunk_length bytes) and checks its hash. All-zero chunks need no fetch (see
 * gmi_index_chunk); asking for one is a programmer's mistake.
 */
GMI_MUST_CHECK int gmi_reader_fetch(const struct gmi_reader *reader, struct gmi_decoder *decoder,
				    uint32_t volume, uint64_t chunk, void *plain,
				    struct gmi_error *err);

/* Where the entry of a data chunk lies in the file, header included: for whoever plans transfers.
 */
void gmi_reader_locate(const struct gmi_reader *reader, uint32_t volume, uint64_t chunk,
		       uint64_t *offset, uint32_t *length);

/*
 * A volume of the file as a source, with a small cache of decoded chunks: for browsing filesystems
 * inside. Locks for itself. Borrows the reader.
 */
GMI_MUST_CHECK int gmi_volume_source_new(struct gmi_source **out, const struct gmi_reader *reader,
					 uint32_t volume, struct gmi_error *err);
void gmi_volume_source_free(struct gmi_source *source);

/* Index of the volume of this name, or GMI_E_NOT_FOUND naming those that exist. */
GMI_MUST_CHECK int gmi_reader_find_volume(const struct gmi_reader *reader, const char *name,
					  uint32_t *volume, struct gmi_error *err);

#endif
