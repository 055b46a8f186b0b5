#include "device/memory.h"

#include "base/sha256.h"
#include "device/mounts.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <time.h>

/* Every thread's stack is locked whole; 8 MiB each, as glibc has it, would be the most of all. */
#define STACK_LENGTH (512u << 10)

void gmi_memory_prepare(void)
{
	pthread_attr_t attributes;
	struct gmi_hasher *hasher;
	struct gmi_error ignored;

	if (pthread_attr_init(&attributes) == 0) {
		if (pthread_attr_setstacksize(&attributes, STACK_LENGTH) == 0)
			(void)pthread_setattr_default_np(&attributes);
		pthread_attr_destroy(&attributes);
	}
	tzset();
	if (gmi_hasher_new(&hasher, &ignored) == 0)
		gmi_hasher_free(hasher);
}

/* proc_pid_maps(5): a mapped file's device is the filesystem's. */
static bool is_loaded_from(struct gmi_disk *const *disks, uint32_t disk_count, uint32_t *disk)
{
	FILE *file = fopen("/proc/self/maps", "re");
	bool found = false;
	char *line = NULL;
	size_t size = 0;

	while (file && !found && getline(&line, &size, file) >= 0) {
		unsigned int major;
		unsigned int minor;

		found = sscanf(line, "%*s %*s %*s %x:%x", &major, &minor) == 2 && major > 0 &&
			gmi_mounts_disk_of(disks, disk_count, makedev(major, minor), disk);
	}
	if (file)
		fclose(file);
	free(line);
	return found;
}

int gmi_memory_hold(struct gmi_disk *const *disks, uint32_t disk_count, struct gmi_error *err)
{
	uint32_t disk;

	/* What is there now, whole; what comes, as soon as it is touched: it comes from no disk. */
	if (mlockall(MCL_CURRENT) == 0) {
		(void)mlockall(MCL_FUTURE | MCL_ONFAULT);
		return 0;
	}
	gmi_fail_errno(err, "gmi cannot keep itself in memory");
	if (!is_loaded_from(disks, disk_count, &disk))
		return 0;
	return gmi_error_prefix(err, "gmi was started from disk %s, which is to be overwritten",
				disks[disk]->name);
}
