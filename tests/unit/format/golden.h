/* The device of tests/unit/data/golden-v1.gmi. Never changed: the file is of this very device. */
#ifndef GMI_TESTS_GOLDEN_H
#define GMI_TESTS_GOLDEN_H

#include "../support/sample.h"

#define GOLDEN_CHUNK 65536u

static const struct sample_chunk golden_table[] = { { 0, 100 } };
static const struct sample_chunk golden_system[] = { { 0, 0 }, { 1, 4000 }, { 4, 50 } };
/* Behind more zeros than one entry takes. */
static const struct sample_chunk golden_data[] = { { 1, 3000 }, { 4200, 10 } };
static const struct sample_chunk golden_flash[] = { { 0, 500 }, { 2, 600 } };

static const struct sample_volume golden_volumes[] = {
	{ "table", "table", 0, 17408, golden_table, 1 },
	{ "system0", "ext4", 0, 5 * GOLDEN_CHUNK - 4096, golden_system, 3 },
	{ "data", "ext4", 0, 4200ULL * GOLDEN_CHUNK + 1025, golden_data, 2 },
	{ "end", "raw", 0, 3, NULL, 0 },
	{ "flash", "raw", 1, 3 * GOLDEN_CHUNK, golden_flash, 2 },
};

static const struct sample golden = { GOLDEN_CHUNK, golden_volumes, 5 };

#endif
