#include "recorder.h"

#include "../unit.h"

#include "base/checked.h"

#include <stdlib.h>
#include <string.h>

#define LONG_WRITE 32768u

/* Where the recorder keeps this long write; the same content has one place. */
static const uint8_t *keep(struct recorder *recorder, const void *data, size_t length)
{
	size_t number = recorder->block_count;

	if (number > 0 && recorder->block_lengths[number - 1] == length &&
	    memcmp(recorder->blocks[number - 1], data, length) == 0)
		return recorder->blocks[number - 1];
	assert_true(number < sizeof(recorder->blocks) / sizeof(recorder->blocks[0]));
	recorder->blocks[number] = malloc(length);
	assert_non_null(recorder->blocks[number]);
	memcpy(recorder->blocks[number], data, length);
	recorder->block_lengths[number] = length;
	recorder->block_count++;
	return recorder->blocks[number];
}

static struct recorder_piece *add_piece(struct recorder *recorder)
{
	if (recorder->count == recorder->capacity) {
		recorder->capacity = recorder->capacity * 2 + 64;
		recorder->pieces =
			realloc(recorder->pieces, recorder->capacity * sizeof(*recorder->pieces));
		assert_non_null(recorder->pieces);
	}
	return &recorder->pieces[recorder->count++];
}

static int record(struct gmi_sink *sink, const void *data, size_t length, struct gmi_error *err)
{
	struct recorder *recorder = (struct recorder *)sink;
	struct recorder_piece *last =
		recorder->count ? &recorder->pieces[recorder->count - 1] : NULL;
	bool is_long = length >= LONG_WRITE;

	if (length == 0)
		return 0;
	if (!last || last->data || is_long) {
		last = add_piece(recorder);
		*last = (struct recorder_piece){
			.offset = recorder->source.length,
			.at = recorder->bytes.length,
			.data = is_long ? keep(recorder, data, length) : NULL,
		};
	}
	last->length += length;
	recorder->source.length += length;
	return is_long ? 0 : gmi_sink_write(&recorder->bytes.sink, data, length, err);
}

static size_t find_piece(const struct recorder *recorder, uint64_t offset)
{
	size_t low = 0;
	size_t high = recorder->count - 1;

	while (low < high) {
		size_t middle = low + (high - low + 1) / 2;

		if (recorder->pieces[middle].offset <= offset)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

static int play(struct gmi_source *source, uint64_t offset, void *data, size_t length,
		struct gmi_error *err)
{
	struct recorder *recorder =
		(struct recorder *)((char *)source - offsetof(struct recorder, source));
	uint8_t *to = data;

	(void)err;
	assert_true(gmi_range_within(offset, length, source->length));
	for (size_t i = length ? find_piece(recorder, offset) : 0; length > 0; i++) {
		const struct recorder_piece *piece = &recorder->pieces[i];
		uint64_t from = offset - piece->offset;
		size_t part = (size_t)gmi_min_u64(length, piece->length - from);

		memcpy(to, (piece->data ? piece->data : recorder->bytes.data + piece->at) + from,
		       part);
		to += part;
		offset += part;
		length -= part;
	}
	return 0;
}

void recorder_init(struct recorder *recorder)
{
	memset(recorder, 0, sizeof(*recorder));
	recorder->sink.write = record;
	recorder->source.read_at = play;
	gmi_memory_sink_init(&recorder->bytes);
}

void recorder_release(struct recorder *recorder)
{
	gmi_memory_sink_release(&recorder->bytes);
	for (size_t i = 0; i < recorder->block_count; i++)
		free(recorder->blocks[i]);
	free(recorder->pieces);
}
