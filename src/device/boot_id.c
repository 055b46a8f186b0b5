#include "device/boot_id.h"

#include "base/io.h"

#include <string.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id" /* random(4) */

void gmi_boot_id(char id[GMI_BOOT_ID_LENGTH])
{
	struct gmi_error ignored;

	if (gmi_read_text_file(BOOT_ID, id, GMI_BOOT_ID_LENGTH, &ignored) < 0)
		id[0] = '\0';
	id[strcspn(id, "\n")] = '\0';
}
