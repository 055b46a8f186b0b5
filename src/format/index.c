#include "format/index.h"

#include "base/checked.h"
#include "base/cleanup.h"
#include "format/index_layout.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct run {
	uint64_t first;      /* chunk */
	uint64_t count;      /* at least 1 */
	uint64_t first_hash; /* of the volume's hashes; meaningless for zeros */
	bool data;
};

struct volume {
	struct gmi_extents used; /* while it is built: what is unreadable is still in it */
	struct gmi_extents unreadable;
	struct run *runs;
	size_t run_count;
	size_t run_capacity;
	uint64_t chunks;
	const uint8_t *hashes;           /* of a parsed one: in the index's bytes */
	struct gmi_memory_sink building; /* hashes while it is built */
};

struct gmi_index {
	struct volume *volumes;
	uint32_t volume_count; /* of the manifest */
	uint32_t begun;        /* while it is built */
	uint8_t *bytes;        /* of a parsed one */
};

static struct gmi_index *index_alloc(uint32_t volumes)
{
	struct gmi_index *index = calloc(1, sizeof(*index));

	if (!index)
		return NULL;
	index->volumes = calloc(volumes, sizeof(*index->volumes));
	if (!index->volumes) {
		free(index);
		return NULL;
	}
	index->volume_count = volumes;
	return index;
}

void gmi_index_free(struct gmi_index *index)
{
	if (!index)
		return;
	for (uint32_t i = 0; i < index->volume_count; i++) {
		gmi_extents_release(&index->volumes[i].used);
		gmi_extents_release(&index->volumes[i].unreadable);
		gmi_memory_sink_release(&index->volumes[i].building);
		free(index->volumes[i].runs);
	}
	free(index->volumes);
	free(index->bytes);
	free(index);
}

static int append_run(struct volume *volume, bool data, uint64_t count, struct gmi_error *err)
{
	struct run *last = volume->run_count ? &volume->runs[volume->run_count - 1] : NULL;

	if (last && last->data == data) {
		last->count += count;
		volume->chunks += count;
		return 0;
	}
	if (volume->run_count == volume->run_capacity) {
		size_t capacity = volume->run_capacity ? volume->run_capacity * 2 : 16;
		struct run *grown = realloc(volume->runs, capacity * sizeof(*grown));

		if (!grown)
			return gmi_fail(err, GMI_E_SYSTEM, "out of memory for the index");
		volume->runs = grown;
		volume->run_capacity = capacity;
	}
	volume->runs[volume->run_count++] = (struct run){
		.first = volume->chunks,
		.count = count,
		.first_hash = volume->building.length / GMI_SHA256_LENGTH,
		.data = data,
	};
	volume->chunks += count;
	return 0;
}

/* ---- building ---- */

int gmi_index_new(struct gmi_index **out, const struct gmi_manifest *manifest,
		  struct gmi_error *err)
{
	*out = index_alloc(manifest->volume_count);
	if (!*out)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for the index");
	return 0;
}

int gmi_index_begin_volume(struct gmi_index *index, const struct gmi_extents *used,
			   struct gmi_error *err)
{
	struct volume *volume = &index->volumes[index->begun];

	assert(index->begun < index->volume_count);
	index->begun++;
	gmi_memory_sink_init(&volume->building);
	if (gmi_extents_reserve(&volume->used, used->count, err) < 0)
		return -1;
	for (size_t i = 0; i < used->count; i++) {
		if (gmi_extents_append(&volume->used, used->list[i].offset, used->list[i].length,
				       err) < 0)
			return -1;
	}
	return 0;
}

int gmi_index_add_data(struct gmi_index *index, const uint8_t hash[GMI_SHA256_LENGTH],
		       struct gmi_error *err)
{
	struct volume *volume = &index->volumes[index->begun - 1];

	/* The run first: it remembers where its first hash will be. */
	if (append_run(volume, true, 1, err) < 0)
		return -1;
	return gmi_sink_write(&volume->building.sink, hash, GMI_SHA256_LENGTH, err);
}

int gmi_index_add_zeros(struct gmi_index *index, uint64_t chunks, struct gmi_error *err)
{
	return append_run(&index->volumes[index->begun - 1], false, chunks, err);
}

int gmi_index_add_unreadable(struct gmi_index *index, uint64_t offset, uint64_t length,
			     struct gmi_error *err)
{
	struct volume *volume = &index->volumes[index->begun - 1];

	return gmi_extents_append(&volume->unreadable, offset, length, err);
}

static int put_u64(struct gmi_sink *sink, uint64_t value, struct gmi_error *err)
{
	uint8_t bytes[8];

	gmi_put_le64(bytes, value);
	return gmi_sink_write(sink, bytes, sizeof(bytes), err);
}

/* Both kinds of extents as one ascending list. */
static int encode_extents(const struct gmi_extents *used, const struct gmi_extents *unreadable,
			  struct gmi_sink *sink, struct gmi_error *err)
{
	size_t i = 0;
	size_t j = 0;

	while (i < used->count || j < unreadable->count) {
		bool take_used =
			j == unreadable->count ||
			(i < used->count && used->list[i].offset < unreadable->list[j].offset);
		const struct gmi_extent *next =
			take_used ? &used->list[i++] : &unreadable->list[j++];

		if (put_u64(sink, next->offset, err) < 0 ||
		    put_u64(sink, next->length | (take_used ? 0 : GMI_INDEX_UNREADABLE), err) < 0)
			return -1;
	}
	return 0;
}

static int encode_maps(const struct volume *volume, struct gmi_sink *sink, struct gmi_error *err)
{
	GMI_CLEANUP(gmi_extents_release) struct gmi_extents read = GMI_EXTENTS_EMPTY;
	const struct gmi_extents *unreadable = &volume->unreadable;

	if (gmi_extents_without(&volume->used, unreadable, &read, err) < 0)
		return -1;
	assert(gmi_extents_total(&read) + gmi_extents_total(unreadable) ==
	       gmi_extents_total(&volume->used));
	if (put_u64(sink, read.count + unreadable->count, err) < 0 ||
	    put_u64(sink, volume->run_count, err) < 0)
		return -1;
	return encode_extents(&read, unreadable, sink, err);
}

static int encode_volume(const struct volume *volume, struct gmi_sink *sink, struct gmi_error *err)
{
	if (encode_maps(volume, sink, err) < 0)
		return -1;
	for (size_t i = 0; i < volume->run_count; i++) {
		const struct run *run = &volume->runs[i];

		if (put_u64(sink, run->count | (run->data ? GMI_INDEX_RUN_DATA : 0), err) < 0)
			return -1;
	}
	return gmi_sink_write(sink, volume->building.data, volume->building.length, err);
}

int gmi_index_encode(const struct gmi_index *index, const uint8_t manifest_hash[GMI_SHA256_LENGTH],
		     struct gmi_sink *sink, struct gmi_error *err)
{
	uint8_t header[GMI_INDEX_HEADER];

	assert(index->begun == index->volume_count);
	memcpy(header, GMI_INDEX_MAGIC, 8);
	gmi_put_le32(header + 8, GMI_FORMAT_VERSION);
	gmi_put_le32(header + 12, index->volume_count);
	memcpy(header + 16, manifest_hash, GMI_SHA256_LENGTH);
	if (gmi_sink_write(sink, header, sizeof(header), err) < 0)
		return -1;
	for (uint32_t i = 0; i < index->volume_count; i++) {
		if (encode_volume(&index->volumes[i], sink, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- parsing ---- */

struct cursor {
	const uint8_t *at;
	size_t left;
};

static int wrong(struct gmi_error *err, const char *what, const char *volume)
{
	return gmi_fail(err, GMI_E_DAMAGED, "the file's index is wrong: %s%s%s", what,
			*volume ? " in volume " : "", volume);
}

/* The next count * size bytes, or NULL if that many are not left. Cannot overflow. */
static const uint8_t *take(struct cursor *cursor, uint64_t count, size_t size)
{
	const uint8_t *at = cursor->at;

	if (count > cursor->left / size)
		return NULL;
	cursor->at += (size_t)count * size;
	cursor->left -= (size_t)count * size;
	return at;
}

static int parse_extents(const uint8_t *extents, uint64_t count,
			 const struct gmi_manifest_volume *of, struct volume *volume,
			 struct gmi_error *err)
{
	struct gmi_extents *before = NULL; /* where the extent before this one went */
	uint64_t end = 0;                  /* of that one */
	uint64_t total = 0;

	/* `count` of them stand in the bytes: this takes no more memory than those do. */
	if (gmi_extents_reserve(&volume->used, (size_t)count, err) < 0)
		return -1;
	for (uint64_t i = 0; i < count; i++, extents += 16) {
		uint64_t offset = gmi_get_le64(extents);
		uint64_t length = gmi_get_le64(extents + 8) & ~GMI_INDEX_UNREADABLE;
		bool unreadable = (gmi_get_le64(extents + 8) & GMI_INDEX_UNREADABLE) != 0;
		struct gmi_extents *to = unreadable ? &volume->unreadable : &volume->used;

		/* Two of a kind that touch would be one. */
		if (offset < end || (to == before && offset == end) || length == 0 ||
		    !gmi_range_within(offset, length, of->length))
			return wrong(err, "used map out of order or out of bounds", of->name);
		if (gmi_extents_append(to, offset, length, err) < 0)
			return -1;
		before = to;
		end = offset + length;
		total += length; /* disjoint parts of the volume: cannot overflow */
	}
	if (total != of->used)
		return wrong(err, "used map and manifest differ", of->name);
	return 0;
}

static int parse_runs(const uint8_t *runs, uint64_t count, const struct gmi_manifest_volume *of,
		      uint64_t chunks, struct volume *volume, uint64_t *hashes,
		      struct gmi_error *err)
{
	volume->runs = calloc((size_t)count, sizeof(*volume->runs));
	if (!volume->runs)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for the index");
	*hashes = 0;
	for (uint64_t i = 0; i < count; i++, runs += 8) {
		uint64_t value = gmi_get_le64(runs);
		struct run *run = &volume->runs[i];

		run->data = (value & GMI_INDEX_RUN_DATA) != 0;
		run->count = value & ~GMI_INDEX_RUN_DATA;
		run->first = volume->chunks;
		run->first_hash = *hashes;
		if (run->count == 0 || run->count > chunks - volume->chunks ||
		    (i > 0 && run->data == run[-1].data))
			return wrong(err, "impossible runs of chunks", of->name);
		volume->chunks += run->count;
		volume->run_count++;
		if (run->data)
			*hashes += run->count;
	}
	if (volume->chunks != chunks)
		return wrong(err, "chunks missing", of->name);
	return 0;
}

/*
 * Every other run is of data and has a hash behind the runs: a count that leaves no room for the
 * hashes lies, and is refused before memory is taken for it.
 */
static bool runs_have_room(const struct cursor *behind_runs, uint64_t count)
{
	return count / 2 <= behind_runs->left / GMI_SHA256_LENGTH;
}

static int parse_volume(struct cursor *cursor, const struct gmi_manifest *manifest,
			const struct gmi_manifest_volume *of, struct volume *volume,
			struct gmi_error *err)
{
	uint64_t chunks = gmi_chunk_count(of->length, manifest->chunk_length);
	const uint8_t *header = take(cursor, 2, 8);
	const uint8_t *extents;
	const uint8_t *runs;
	uint64_t run_count;
	uint64_t hashes = 0;

	if (!header)
		return wrong(err, "it ends too early", of->name);
	run_count = gmi_get_le64(header + 8);
	extents = take(cursor, gmi_get_le64(header), 16);
	runs = extents ? take(cursor, run_count, 8) : NULL;
	if (!runs || run_count == 0 || !runs_have_room(cursor, run_count))
		return wrong(err, "it ends too early", of->name);
	if (parse_extents(extents, gmi_get_le64(header), of, volume, err) < 0 ||
	    parse_runs(runs, run_count, of, chunks, volume, &hashes, err) < 0)
		return -1;
	volume->hashes = take(cursor, hashes, GMI_SHA256_LENGTH);
	if (!volume->hashes)
		return wrong(err, "it ends too early", of->name);
	return 0;
}

static int parse(struct gmi_index *index, size_t length, const struct gmi_manifest *manifest,
		 uint8_t manifest_hash[GMI_SHA256_LENGTH], struct gmi_error *err)
{
	struct cursor cursor = { index->bytes, length };
	const uint8_t *header = take(&cursor, 1, GMI_INDEX_HEADER);

	if (!header || memcmp(header, GMI_INDEX_MAGIC, 8) != 0 ||
	    gmi_get_le32(header + 8) != manifest->version ||
	    gmi_get_le32(header + 12) != manifest->volume_count)
		return wrong(err, "its beginning does not fit the manifest", "");
	memcpy(manifest_hash, header + 16, GMI_SHA256_LENGTH);
	for (uint32_t i = 0; i < manifest->volume_count; i++) {
		if (parse_volume(&cursor, manifest, &manifest->volumes[i], &index->volumes[i],
				 err) < 0)
			return -1;
	}
	if (cursor.left != 0)
		return wrong(err, "something follows its end", "");
	return 0;
}

int gmi_index_parse(void *data, size_t length, const struct gmi_manifest *manifest,
		    uint8_t manifest_hash[GMI_SHA256_LENGTH], struct gmi_index **out,
		    struct gmi_error *err)
{
	struct gmi_index *index = index_alloc(manifest->volume_count);

	*out = NULL;
	if (!index) {
		free(data);
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for the index");
	}
	index->bytes = data;
	if (parse(index, length, manifest, manifest_hash, err) < 0) {
		gmi_index_free(index);
		return -1;
	}
	*out = index;
	return 0;
}

/* ---- asking ---- */

static const struct run *find_run(const struct volume *volume, uint64_t chunk)
{
	size_t low = 0;
	size_t high = volume->run_count - 1;

	assert(chunk < volume->chunks);
	while (low < high) {
		size_t middle = low + (high - low + 1) / 2;

		if (volume->runs[middle].first <= chunk)
			low = middle;
		else
			high = middle - 1;
	}
	return &volume->runs[low];
}

const uint8_t *gmi_index_chunk(const struct gmi_index *index, uint32_t volume, uint64_t chunk)
{
	const struct volume *of = &index->volumes[volume];
	const struct run *run = find_run(of, chunk);

	if (!run->data)
		return NULL;
	return of->hashes + (size_t)(run->first_hash + (chunk - run->first)) * GMI_SHA256_LENGTH;
}

uint64_t gmi_index_same_kind(const struct gmi_index *index, uint32_t volume, uint64_t chunk)
{
	const struct run *run = find_run(&index->volumes[volume], chunk);

	return run->first + run->count - chunk;
}

const struct gmi_extents *gmi_index_used(const struct gmi_index *index, uint32_t volume)
{
	return &index->volumes[volume].used;
}

const struct gmi_extents *gmi_index_unreadable(const struct gmi_index *index, uint32_t volume)
{
	return &index->volumes[volume].unreadable;
}

uint64_t gmi_index_unreadable_total(const struct gmi_index *index)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < index->volume_count; i++)
		total += gmi_extents_total(&index->volumes[i].unreadable);
	return total;
}
