/*
 * Judges of used maps: whether a map lies within its volume, and whether a filesystem needs nothing
 * but what its map says.
 */
#ifndef GMI_TESTS_STORAGE_JUDGE_H
#define GMI_TESTS_STORAGE_JUDGE_H

#include "base/extents.h"

#include <stdbool.h>
#include <stdint.h>

/* Ascending, not touching, inside of [0, length): what every map has to be. */
void storage_assert_sound(const struct gmi_extents *used, uint64_t length);

bool storage_is_whole(const struct gmi_extents *used, uint64_t length);

/* Copies image `from` to `to` with every byte outside of the map replaced by zero. */
void storage_keep_only(const char *from, const char *to, const struct gmi_extents *used);

#endif
