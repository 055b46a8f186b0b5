#include "format/zero_frame.h"

#include "base/checked.h"

#define MAGIC 0xfd2fb528u       /* 3.1.1 */
#define SIZE_IN_8_BYTES 0xc0    /* 3.1.1.1.1: Frame_Content_Size_flag 3, nothing else set */
#define WINDOW_128_KIB (7 << 3) /* 3.1.1.1.2: exponent 7, mantissa 0: 2^(10 + 7) bytes */
#define BLOCK_LAST 1u           /* 3.1.1.2 */
#define BLOCK_RLE (1u << 1)

size_t gmi_zero_frame_length(uint64_t zeros)
{
	return GMI_ZERO_FRAME_HEADER + 4 * (size_t)gmi_div_up_u64(zeros, GMI_ZERO_BLOCK);
}

void gmi_zero_frame_make(uint64_t zeros, uint8_t *frame)
{
	gmi_put_le32(frame, MAGIC);
	frame[4] = SIZE_IN_8_BYTES;
	frame[5] = WINDOW_128_KIB;
	gmi_put_le64(frame + 6, zeros);
	frame += GMI_ZERO_FRAME_HEADER;
	while (zeros > 0) {
		uint32_t length = (uint32_t)gmi_min_u64(zeros, GMI_ZERO_BLOCK);

		zeros -= length;
		/* Three bytes of block header, and the byte to repeat: zero. */
		gmi_put_le32(frame, (zeros ? 0 : BLOCK_LAST) | BLOCK_RLE | length << 3);
		frame += 4;
	}
}
