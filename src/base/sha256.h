/*
 * SHA-256 by libcrypto, which uses the processor's instructions where there are any.
 *
 * A hasher is reused: begin, update..., end, and again. One thread at a time per hasher.
 */
#ifndef GMI_BASE_SHA256_H
#define GMI_BASE_SHA256_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define GMI_SHA256_LENGTH 32
#define GMI_SHA256_HEX (2 * GMI_SHA256_LENGTH + 1)

struct gmi_hasher; /* opaque */

GMI_MUST_CHECK int gmi_hasher_new(struct gmi_hasher **out, struct gmi_error *err);
void gmi_hasher_free(struct gmi_hasher *hasher);

void gmi_hasher_begin(struct gmi_hasher *hasher);
void gmi_hasher_update(struct gmi_hasher *hasher, const void *data, size_t length);
void gmi_hasher_end(struct gmi_hasher *hasher, uint8_t digest[GMI_SHA256_LENGTH]);

/* All three at once. */
void gmi_hasher_once(struct gmi_hasher *hasher, const void *data, size_t length,
		     uint8_t digest[GMI_SHA256_LENGTH]);

void gmi_sha256_to_hex(const uint8_t digest[GMI_SHA256_LENGTH], char hex[GMI_SHA256_HEX]);

#endif
