#include "format/entries.h"

#include "base/checked.h"
#include "base/cleanup.h"
#include "format/names.h"
#include "format/zero_frame.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

static int wrong(struct gmi_error *err, const char *what, const char *name)
{
	return gmi_fail(err, GMI_E_DAMAGED, "the file is damaged: %s %s", what, name);
}

int gmi_entries_init(struct gmi_entries *entries, const struct gmi_manifest *manifest,
		     struct gmi_error *err)
{
	memset(entries, 0, sizeof(*entries));
	entries->volumes = calloc(manifest->volume_count, sizeof(*entries->volumes));
	if (!entries->volumes)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for the file's directory");
	entries->count = manifest->volume_count;
	return 0;
}

void gmi_entries_release(struct gmi_entries *entries)
{
	for (uint32_t i = 0; i < entries->count; i++)
		free(entries->volumes[i].list);
	free(entries->volumes);
	memset(entries, 0, sizeof(*entries));
}

/* "volumes/<volume>/<number>.zst" into its parts, by making the name again from them. */
static int parse_name(struct gmi_entries *entries, const struct gmi_manifest *manifest,
		      const char *name, uint64_t *chunk, struct gmi_error *err)
{
	const char *volume = name + strlen(GMI_ENTRY_VOLUMES);
	const char *slash = strchr(volume, '/');
	char again[GMI_ENTRY_NAME_LENGTH];
	size_t length = slash ? (size_t)(slash - volume) : 0;

	if (!slash || strspn(slash + 1, "0123456789") == 0)
		return wrong(err, "unknown entry", name);
	/* Volumes come in the manifest's order, so the search only ever goes on. */
	while (entries->at < manifest->volume_count &&
	       (strlen(manifest->volumes[entries->at].name) != length ||
		memcmp(manifest->volumes[entries->at].name, volume, length) != 0))
		entries->at++;
	if (entries->at == manifest->volume_count)
		return wrong(err, "entry out of order:", name);
	*chunk = strtoull(slash + 1, NULL, 10);
	gmi_chunk_entry_name(manifest->volumes[entries->at].name, *chunk, again);
	if (strcmp(again, name) != 0)
		return wrong(err, "unknown entry", name);
	return 0;
}

int gmi_entries_add(struct gmi_entries *entries, const struct gmi_manifest *manifest,
		    const struct gmi_zip_entry *entry, struct gmi_error *err)
{
	struct gmi_volume_entries *volume;
	uint64_t chunk = 0;

	if (parse_name(entries, manifest, entry->name, &chunk, err) < 0)
		return -1;
	volume = &entries->volumes[entries->at];
	if (volume->count > 0 && chunk <= volume->list[volume->count - 1].chunk)
		return wrong(err, "entry out of order:", entry->name);
	/* No frame is longer than a chunk that cannot be compressed. */
	if (entry->length > ZSTD_compressBound(GMI_CHUNK_LENGTH_MAX))
		return wrong(err, "impossible length of", entry->name);
	if (volume->count == volume->capacity) {
		size_t capacity = volume->capacity ? volume->capacity * 2 : 64;
		struct gmi_chunk_entry *grown = realloc(volume->list, capacity * sizeof(*grown));

		if (!grown)
			return gmi_fail(err, GMI_E_SYSTEM,
					"out of memory for the file's directory");
		volume->list = grown;
		volume->capacity = capacity;
	}
	volume->list[volume->count++] = (struct gmi_chunk_entry){
		.chunk = chunk,
		.offset = entry->offset,
		.length = (uint32_t)entry->length,
		.crc = entry->crc,
	};
	return 0;
}

/* Holds one volume's entries against its runs, walking both forward. */
struct check {
	const struct gmi_manifest *manifest;
	const struct gmi_index *index;
	uint32_t number;
	const struct gmi_volume_entries *entries;
	size_t at; /* next entry */
	uint8_t *zero_frame;
	size_t known_length; /* of the zero frame whose CRC-32 is known, 0 for none */
	uint64_t known_zeros;
	uint32_t known_crc;
};

static int missing(const struct check *check, uint64_t chunk, struct gmi_error *err)
{
	return gmi_fail(err, GMI_E_DAMAGED,
			"the file is damaged: chunk %" PRIu64
			" of volume %s is missing or of another kind than the index says",
			chunk, check->manifest->volumes[check->number].name);
}

static const struct gmi_chunk_entry *next_entry(struct check *check, uint64_t chunk)
{
	if (check->at == check->entries->count || check->entries->list[check->at].chunk != chunk)
		return NULL;
	return &check->entries->list[check->at++];
}

static int check_data(struct check *check, uint64_t first, uint64_t count, struct gmi_error *err)
{
	size_t bound = ZSTD_compressBound(check->manifest->chunk_length);

	for (uint64_t chunk = first; chunk < first + count; chunk++) {
		const struct gmi_chunk_entry *entry = next_entry(check, chunk);

		if (!entry || entry->length > bound)
			return missing(check, chunk, err);
	}
	return 0;
}

static int check_zeros(struct check *check, uint64_t first, uint64_t count, struct gmi_error *err)
{
	uint64_t length = check->manifest->volumes[check->number].length;
	uint32_t chunk_length = check->manifest->chunk_length;

	for (uint64_t done = 0; done < count; done += GMI_ZERO_RUN_MAX) {
		uint64_t part = gmi_min_u64(count - done, GMI_ZERO_RUN_MAX);
		uint64_t zeros =
			gmi_min_u64(part * chunk_length, length - (first + done) * chunk_length);
		const struct gmi_chunk_entry *entry = next_entry(check, first + done);

		if (zeros != check->known_zeros) {
			check->known_zeros = zeros;
			check->known_length = gmi_zero_frame_length(zeros);
			gmi_zero_frame_make(zeros, check->zero_frame);
			check->known_crc = gmi_crc32(0, check->zero_frame, check->known_length);
		}
		if (!entry || entry->length != check->known_length ||
		    entry->crc != check->known_crc)
			return missing(check, first + done, err);
	}
	return 0;
}

static int check_volume(struct check *check, struct gmi_error *err)
{
	uint64_t chunks = gmi_chunk_count(check->manifest->volumes[check->number].length,
					  check->manifest->chunk_length);

	for (uint64_t chunk = 0; chunk < chunks;) {
		uint64_t count = gmi_index_same_kind(check->index, check->number, chunk);
		bool data = gmi_index_chunk(check->index, check->number, chunk) != NULL;

		if ((data ? check_data : check_zeros)(check, chunk, count, err) < 0)
			return -1;
		chunk += count;
	}
	if (check->at != check->entries->count)
		return missing(check, check->entries->list[check->at].chunk, err);
	return 0;
}

int gmi_entries_check(const struct gmi_entries *entries, const struct gmi_manifest *manifest,
		      const struct gmi_index *index, struct gmi_error *err)
{
	uint64_t longest = (uint64_t)GMI_ZERO_RUN_MAX * manifest->chunk_length;
	GMI_AUTO_FREE uint8_t *zero_frame = malloc(gmi_zero_frame_length(longest));

	if (!zero_frame)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for the file's directory");
	for (uint32_t i = 0; i < manifest->volume_count; i++) {
		struct check check = {
			.manifest = manifest,
			.index = index,
			.number = i,
			.entries = &entries->volumes[i],
			.zero_frame = zero_frame,
		};

		if (check_volume(&check, err) < 0)
			return -1;
	}
	return 0;
}

const struct gmi_chunk_entry *gmi_entries_find(const struct gmi_entries *entries, uint32_t volume,
					       uint64_t chunk)
{
	const struct gmi_volume_entries *of = &entries->volumes[volume];
	size_t low = 0;
	size_t high = of->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (of->list[middle].chunk < chunk)
			low = middle + 1;
		else
			high = middle;
	}
	return low < of->count && of->list[low].chunk == chunk ? &of->list[low] : NULL;
}

void gmi_entries_to_zip(const struct gmi_manifest *manifest, uint32_t volume,
			const struct gmi_chunk_entry *entry, struct gmi_zip_entry *zip)
{
	gmi_chunk_entry_name(manifest->volumes[volume].name, entry->chunk, zip->name);
	zip->offset = entry->offset;
	zip->length = entry->length;
	zip->crc = entry->crc;
}
