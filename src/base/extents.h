/*
 * A set of byte ranges: which parts of a volume its filesystem uses.
 *
 * Extents are sorted, do not overlap and do not touch (touching ones are one). Built by appending
 * in ascending order, then only read; reading needs no lock. Release with gmi_extents_release().
 */
#ifndef GMI_BASE_EXTENTS_H
#define GMI_BASE_EXTENTS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gmi_extent {
	uint64_t offset; /* bytes from the volume's start */
	uint64_t length; /* bytes, at least 1 */
};

struct gmi_extents {
	struct gmi_extent *list;
	size_t count;
	size_t capacity;
};

#define GMI_EXTENTS_EMPTY ((struct gmi_extents){ NULL, 0, 0 })

void gmi_extents_release(struct gmi_extents *extents);

/* Appends a range that starts at or after the last one's end; merges where they touch. */
GMI_MUST_CHECK int gmi_extents_append(struct gmi_extents *extents, uint64_t offset, uint64_t length,
				      struct gmi_error *err);

/* Room for that many, so that a count known before costs no more than it needs. */
GMI_MUST_CHECK int gmi_extents_reserve(struct gmi_extents *extents, size_t count,
				       struct gmi_error *err);

/* Gives back what appending has taken beyond need. */
void gmi_extents_fit(struct gmi_extents *extents);

/* Replaces *extents by the single range [0, length), or by nothing if length is 0. */
GMI_MUST_CHECK int gmi_extents_whole(struct gmi_extents *extents, uint64_t length,
				     struct gmi_error *err);

/* Appends to the empty *out what is in a or in b; a and b do not overlap. */
GMI_MUST_CHECK int gmi_extents_join(const struct gmi_extents *a, const struct gmi_extents *b,
				    struct gmi_extents *out, struct gmi_error *err);

/* Appends to the empty *out what is in `from` and not in `what`. */
GMI_MUST_CHECK int gmi_extents_without(const struct gmi_extents *from,
				       const struct gmi_extents *what, struct gmi_extents *out,
				       struct gmi_error *err);

uint64_t gmi_extents_total(const struct gmi_extents *extents);

/* Index of the first extent that ends after offset; count if there is none. */
size_t gmi_extents_find(const struct gmi_extents *extents, uint64_t offset);

/* Whether any byte of [offset, offset + length) is in the set. */
bool gmi_extents_touch(const struct gmi_extents *extents, uint64_t offset, uint64_t length);

/*
 * Walks the parts of the set within [offset, offset + length). Start with *cursor from
 * gmi_extents_find(extents, offset); each true return gives one clipped part.
 */
bool gmi_extents_next(const struct gmi_extents *extents, uint64_t offset, uint64_t length,
		      size_t *cursor, struct gmi_extent *part);

#endif
