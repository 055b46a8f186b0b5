/*
 * Arithmetic that says when it overflows, and little-endian access without laying structs over
 * bytes.
 *
 * Everything that comes from a file, a device or the network goes through these. The functions
 * return true when the result fits, as one reads it: `if (!gmi_add_u64(a, b, &end)) refuse`.
 */
#ifndef GMI_BASE_CHECKED_H
#define GMI_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GMI_MUST_USE __attribute__((warn_unused_result))

GMI_MUST_USE static inline bool gmi_add_u64(uint64_t a, uint64_t b, uint64_t *sum)
{
	return !__builtin_add_overflow(a, b, sum);
}

GMI_MUST_USE static inline bool gmi_mul_u64(uint64_t a, uint64_t b, uint64_t *product)
{
	return !__builtin_mul_overflow(a, b, product);
}

/* Whether [offset, offset + length) lies within [0, limit). Never overflows. */
GMI_MUST_USE static inline bool gmi_range_within(uint64_t offset, uint64_t length, uint64_t limit)
{
	return offset <= limit && length <= limit - offset;
}

GMI_MUST_USE static inline bool gmi_to_size(uint64_t value, size_t *size)
{
	*size = (size_t)value;
	return *size == value;
}

static inline uint64_t gmi_min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t gmi_max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static inline uint64_t gmi_div_up_u64(uint64_t value, uint64_t by)
{
	return value / by + (value % by != 0);
}

static inline uint16_t gmi_get_le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t gmi_get_le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t gmi_get_le64(const uint8_t *p)
{
	return (uint64_t)gmi_get_le32(p) | (uint64_t)gmi_get_le32(p + 4) << 32;
}

static inline void gmi_put_le16(uint8_t *p, uint16_t value)
{
	p[0] = (uint8_t)value;
	p[1] = (uint8_t)(value >> 8);
}

static inline void gmi_put_le32(uint8_t *p, uint32_t value)
{
	gmi_put_le16(p, (uint16_t)value);
	gmi_put_le16(p + 2, (uint16_t)(value >> 16));
}

static inline void gmi_put_le64(uint8_t *p, uint64_t value)
{
	gmi_put_le32(p, (uint32_t)value);
	gmi_put_le32(p + 4, (uint32_t)(value >> 32));
}

#endif
