/* The header is one page with its signature at the page's end: include/linux/swap.h of Linux. */
#include "storage/usedmaps.h"

#include <string.h>

int gmi_swap_used_map(struct gmi_source *source, struct gmi_extents *used, struct gmi_error *err)
{
	static const uint32_t pages[] = { 4096, 8192, 16384, 65536 };
	char signature[10];

	used->count = 0;
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (source->length < pages[i])
			break;
		if (gmi_source_read(source, pages[i] - sizeof(signature), signature,
				    sizeof(signature), err) < 0)
			return -1;
		if (memcmp(signature, "SWAPSPACE2", sizeof(signature)) == 0)
			return gmi_extents_append(used, 0, pages[i], err);
	}
	return gmi_fail(err, GMI_E_DAMAGED, "not a swap area");
}
