/*
 * The one zstd frame that stands for a stretch of zeros (RFC 8878): a frame header with an 8-byte
 * content size and a window of 128 KiB, then RLE blocks of 128 KiB, the last one shorter. Four
 * bytes per 128 KiB, decodable by any zstd in 128 KiB of memory. Internal to src/format.
 */
#ifndef GMI_FORMAT_ZERO_FRAME_H
#define GMI_FORMAT_ZERO_FRAME_H

#include "format/format.h"

#include <stddef.h>
#include <stdint.h>

/* RFC 8878 3.1.1.2.4: no block may be longer, nor longer than the window. */
#define GMI_ZERO_BLOCK (128u << 10)
#define GMI_ZERO_FRAME_HEADER 14u

/* Of zeros of this many bytes, at least 1. */
size_t gmi_zero_frame_length(uint64_t zeros);

/* Room for gmi_zero_frame_length() bytes. */
void gmi_zero_frame_make(uint64_t zeros, uint8_t *frame);

#endif
