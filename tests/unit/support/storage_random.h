/*
 * Numbers that look random and are the same in every run: a test names its seed, so that a failure
 * can be repeated. splitmix64.
 */
#ifndef GMI_TESTS_STORAGE_RANDOM_H
#define GMI_TESTS_STORAGE_RANDOM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct storage_random {
	uint64_t state;
};

static inline uint64_t storage_random_next(struct storage_random *random)
{
	uint64_t mixed = random->state += 0x9e3779b97f4a7c15;

	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
	return mixed ^ mixed >> 31;
}

/* From 0 to limit - 1. */
static inline uint64_t storage_random_below(struct storage_random *random, uint64_t limit)
{
	return storage_random_next(random) % limit;
}

static inline void storage_random_fill(struct storage_random *random, void *data, size_t length)
{
	uint8_t *bytes = data;

	for (size_t i = 0; i < length; i += 8) {
		uint64_t word = storage_random_next(random);

		memcpy(bytes + i, &word, length - i < 8 ? length - i : 8);
	}
}

#endif
