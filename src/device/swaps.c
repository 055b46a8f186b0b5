#include "device/swaps.h"

#include "device/mounts.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* proc(5), /proc/swaps: a heading, then for each its name and more. */
int gmi_swaps_refuse(struct gmi_disk *const *disks, uint32_t disk_count, struct gmi_error *err)
{
	FILE *file = fopen("/proc/swaps", "re");
	char line[1024];
	int result = 0;

	if (!file)
		return 0; /* a kernel without swap */
	while (result == 0 && fgets(line, sizeof(line), file)) {
		struct stat space;
		uint32_t disk;

		line[strcspn(line, " \t\n")] = '\0';
		gmi_mount_unescape(line);
		if (line[0] != '/' || stat(line, &space) < 0)
			continue;
		if (gmi_mounts_disk_of(disks, disk_count,
				       S_ISBLK(space.st_mode) ? space.st_rdev : space.st_dev,
				       &disk))
			result = gmi_fail(
				err, GMI_E_PROFILE,
				"the system swaps to %.200s on disk %s: let the quiesce hook "
				"call swapoff",
				line, disks[disk]->name);
	}
	fclose(file);
	return result;
}
