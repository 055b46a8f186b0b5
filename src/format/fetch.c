/* One chunk out of the file, decoded and checked; and a volume as a source made of such chunks. */
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "format/reader_internal.h"
#include "format/zero_frame.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

struct gmi_decoder {
	ZSTD_DCtx *zstd;
	struct gmi_hasher *hasher;
	uint8_t *buffer; /* of an entry: header and frame */
	size_t capacity;
};

int gmi_decoder_new(struct gmi_decoder **out, const struct gmi_reader *reader,
		    struct gmi_error *err)
{
	struct gmi_decoder *decoder = calloc(1, sizeof(*decoder));
	uint32_t chunk_length = reader->manifest.chunk_length;
	uint64_t zeros = (uint64_t)GMI_ZERO_RUN_MAX * chunk_length;

	*out = NULL;
	if (!decoder)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a decoder");
	decoder->capacity =
		GMI_ZIP_RECORD_MAX +
		(size_t)gmi_max_u64(ZSTD_compressBound(chunk_length), gmi_zero_frame_length(zeros));
	decoder->buffer = malloc(decoder->capacity);
	decoder->zstd = ZSTD_createDCtx();
	if (!decoder->buffer || !decoder->zstd) {
		gmi_decoder_free(decoder);
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a decoder");
	}
	if (gmi_hasher_new(&decoder->hasher, err) < 0) {
		gmi_decoder_free(decoder);
		return -1;
	}
	*out = decoder;
	return 0;
}

void gmi_decoder_free(struct gmi_decoder *decoder)
{
	if (!decoder)
		return;
	ZSTD_freeDCtx(decoder->zstd);
	gmi_hasher_free(decoder->hasher);
	free(decoder->buffer);
	free(decoder);
}

static int damaged(struct gmi_error *err, const struct gmi_reader *reader, uint32_t volume,
		   uint64_t chunk)
{
	return gmi_fail(err, GMI_E_DAMAGED,
			"the file is damaged: chunk %" PRIu64 " of volume %s was altered", chunk,
			reader->manifest.volumes[volume].name);
}

int gmi_decoder_load(const struct gmi_reader *reader, struct gmi_decoder *decoder, uint32_t volume,
		     const struct gmi_chunk_entry *entry, const uint8_t **frame,
		     struct gmi_error *err)
{
	struct gmi_zip_entry zip;
	size_t header;

	gmi_entries_to_zip(&reader->manifest, volume, entry, &zip);
	header = gmi_zip_local_header_length(&zip);
	assert(header + entry->length <= decoder->capacity);
	if (gmi_source_read(reader->source, entry->offset, decoder->buffer, header + entry->length,
			    err) < 0)
		return -1;
	*frame = decoder->buffer + header;
	if (!gmi_zip_header_matches(&zip, decoder->buffer) ||
	    gmi_crc32(0, *frame, entry->length) != entry->crc)
		return damaged(err, reader, volume, entry->chunk);
	return 0;
}

/*
 * What is not in use has to be zero: a restore does not write it, so a hash over anything else
 * could never be read back, and that would be found only after writing.
 */
static bool unused_is_zero(const struct gmi_extents *used, uint64_t offset, const uint8_t *plain,
			   uint32_t length)
{
	size_t cursor = gmi_extents_find(used, offset);
	struct gmi_extent part;
	uint64_t checked_to = offset;

	while (gmi_extents_next(used, offset, length, &cursor, &part)) {
		if (!gmi_is_zero(plain + (checked_to - offset), (size_t)(part.offset - checked_to)))
			return false;
		checked_to = part.offset + part.length;
	}
	return gmi_is_zero(plain + (checked_to - offset), (size_t)(offset + length - checked_to));
}

int gmi_reader_fetch(const struct gmi_reader *reader, struct gmi_decoder *decoder, uint32_t volume,
		     uint64_t chunk, void *plain, struct gmi_error *err)
{
	const struct gmi_chunk_entry *entry = gmi_entries_find(&reader->entries, volume, chunk);
	const uint8_t *wanted = gmi_index_chunk(reader->index, volume, chunk);
	uint32_t length = gmi_chunk_length_at(reader->manifest.volumes[volume].length,
					      reader->manifest.chunk_length, chunk);
	uint8_t digest[GMI_SHA256_LENGTH];
	const uint8_t *frame;

	assert(entry && wanted);
	if (gmi_decoder_load(reader, decoder, volume, entry, &frame, err) < 0)
		return -1;
	/* Exactly one frame of exactly this content: the room is known before anything is decoded.
	 */
	if (ZSTD_getFrameContentSize(frame, entry->length) != length ||
	    ZSTD_findFrameCompressedSize(frame, entry->length) != entry->length ||
	    ZSTD_decompressDCtx(decoder->zstd, plain, length, frame, entry->length) != length)
		return damaged(err, reader, volume, chunk);
	gmi_hasher_once(decoder->hasher, plain, length, digest);
	if (memcmp(digest, wanted, sizeof(digest)) != 0)
		return damaged(err, reader, volume, chunk);
	if (!unused_is_zero(gmi_index_used(reader->index, volume),
			    chunk * reader->manifest.chunk_length, plain, length))
		return gmi_fail(err, GMI_E_DAMAGED,
				"the file is damaged: chunk %" PRIu64
				" of volume %s holds bytes that its used map leaves out",
				chunk, reader->manifest.volumes[volume].name);
	return 0;
}

void gmi_reader_locate(const struct gmi_reader *reader, uint32_t volume, uint64_t chunk,
		       uint64_t *offset, uint32_t *length)
{
	const struct gmi_chunk_entry *entry = gmi_entries_find(&reader->entries, volume, chunk);
	struct gmi_zip_entry zip;

	assert(entry);
	gmi_entries_to_zip(&reader->manifest, volume, entry, &zip);
	*offset = entry->offset;
	*length = (uint32_t)gmi_zip_local_header_length(&zip) + entry->length;
}

/* ---- a volume as a source ---- */

/* Looking into a filesystem goes back and forth between tables and files. */
#define CACHED_CHUNKS 16

struct cached {
	uint64_t chunk;
	uint64_t last_use; /* 0: holds nothing */
	uint8_t *plain;
};

struct volume_source {
	struct gmi_source source;
	const struct gmi_reader *reader;
	uint32_t volume;
	struct gmi_decoder *decoder;
	struct cached cache[CACHED_CHUNKS];
	uint64_t uses;
	pthread_mutex_t lock;
};

/* The chunk's content out of the cache, fetched if need be. */
static int get_chunk(struct volume_source *self, uint64_t chunk, const uint8_t **plain,
		     struct gmi_error *err)
{
	struct cached *oldest = &self->cache[0];

	for (size_t i = 0; i < CACHED_CHUNKS; i++) {
		struct cached *cached = &self->cache[i];

		if (cached->last_use && cached->chunk == chunk) {
			cached->last_use = ++self->uses;
			*plain = cached->plain;
			return 0;
		}
		if (cached->last_use < oldest->last_use)
			oldest = cached;
	}
	oldest->last_use = 0;
	if (gmi_reader_fetch(self->reader, self->decoder, self->volume, chunk, oldest->plain, err) <
	    0)
		return -1;
	oldest->chunk = chunk;
	oldest->last_use = ++self->uses;
	*plain = oldest->plain;
	return 0;
}

static int read_part(struct volume_source *self, uint64_t chunk, size_t from, uint8_t *data,
		     size_t length, struct gmi_error *err)
{
	const uint8_t *plain;

	if (!gmi_index_chunk(self->reader->index, self->volume, chunk)) {
		memset(data, 0, length);
		return 0;
	}
	if (get_chunk(self, chunk, &plain, err) < 0)
		return -1;
	memcpy(data, plain + from, length);
	return 0;
}

static int volume_read_at(struct gmi_source *source, uint64_t offset, void *data, size_t length,
			  struct gmi_error *err)
{
	struct volume_source *self = (struct volume_source *)source;
	uint32_t chunk_length = self->reader->manifest.chunk_length;
	uint8_t *at = data;
	int result = 0;

	assert(gmi_range_within(offset, length, source->length));
	pthread_mutex_lock(&self->lock);
	while (result == 0 && length > 0) {
		size_t from = (size_t)(offset % chunk_length);
		size_t part = (size_t)gmi_min_u64(length, chunk_length - from);

		result = read_part(self, offset / chunk_length, from, at, part, err);
		at += part;
		offset += part;
		length -= part;
	}
	pthread_mutex_unlock(&self->lock);
	return result;
}

int gmi_volume_source_new(struct gmi_source **out, const struct gmi_reader *reader, uint32_t volume,
			  struct gmi_error *err)
{
	struct volume_source *self = calloc(1, sizeof(*self));

	*out = NULL;
	if (!self)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a volume");
	self->source.read_at = volume_read_at;
	self->source.length = reader->manifest.volumes[volume].length;
	self->reader = reader;
	self->volume = volume;
	pthread_mutex_init(&self->lock, NULL);
	for (size_t i = 0; i < CACHED_CHUNKS; i++) {
		self->cache[i].plain = malloc(reader->manifest.chunk_length);
		if (!self->cache[i].plain) {
			gmi_volume_source_free(&self->source);
			return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a volume");
		}
	}
	if (gmi_decoder_new(&self->decoder, reader, err) < 0) {
		gmi_volume_source_free(&self->source);
		return -1;
	}
	*out = &self->source;
	return 0;
}

void gmi_volume_source_free(struct gmi_source *source)
{
	struct volume_source *self = (struct volume_source *)source;

	if (!self)
		return;
	for (size_t i = 0; i < CACHED_CHUNKS; i++)
		free(self->cache[i].plain);
	gmi_decoder_free(self->decoder);
	pthread_mutex_destroy(&self->lock);
	free(self);
}
