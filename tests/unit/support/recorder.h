/*
 * A sink that keeps gigabytes in little memory, and then is the source of the same bytes: a long
 * write that repeats the long write before it is kept once. This is how files of more than 4 GiB
 * are written and read back in a unit test.
 */
#ifndef GMI_TESTS_RECORDER_H
#define GMI_TESTS_RECORDER_H

#include "base/source.h"

#include <stdbool.h>

struct recorder_piece {
	uint64_t offset; /* in the file */
	uint64_t length;
	size_t at;           /* in `bytes`, unless it is a long one */
	const uint8_t *data; /* of a long one, else NULL */
};

struct recorder {
	struct gmi_sink sink;
	struct gmi_source source;
	struct gmi_memory_sink bytes; /* of all short writes */
	struct recorder_piece *pieces;
	size_t count;
	size_t capacity;
	uint8_t *blocks[64]; /* of the long writes that differ */
	size_t block_lengths[64];
	size_t block_count;
};

void recorder_init(struct recorder *recorder);
void recorder_release(struct recorder *recorder);

#endif
