#include "storage/sysfs.h"

#include "base/io.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

#define UNIT_MAX (64u << 10)
#define FLASH_PAGE (16u << 10)

void gmi_sysfs_folder(char path[64], dev_t rdev)
{
	snprintf(path, 64, "/sys/dev/block/%u:%u", major(rdev), minor(rdev));
}

bool gmi_sysfs_number(dev_t rdev, const char *name, uint64_t *value)
{
	char folder[64];
	char path[512];
	char text[32];
	char *end;
	struct gmi_error ignored;

	gmi_sysfs_folder(folder, rdev);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (gmi_read_text_file(path, text, sizeof(text), &ignored) < 0)
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return errno == 0 && end != text && (*end == '\n' || *end == '\0');
}

uint32_t gmi_sysfs_write_unit(dev_t rdev)
{
	static const char *const names[] = {
		"queue/physical_block_size", "queue/minimum_io_size",       "queue/optimal_io_size",
		"queue/discard_granularity", "device/preferred_erase_size",
	};
	uint32_t unit = 1;
	uint64_t value;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!gmi_sysfs_number(rdev, names[i], &value) || value == 0 ||
		    (value & (value - 1)) != 0)
			continue;
		if (value > UNIT_MAX)
			value = FLASH_PAGE;
		if (value > unit)
			unit = (uint32_t)value;
	}
	return unit;
}
