#include "storage/disk_open.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define MTD_MAJOR 90 /* of character devices: Documentation/admin-guide/devices.txt */

void gmi_disk_init(struct gmi_disk *disk, const struct gmi_disk_ops *ops,
		   const struct gmi_disk_config *config)
{
	disk->ops = ops;
	disk->fd = -1;
	disk->write_unit = 1;
	disk->flash = config->flash;
	disk->writable = config->writable;
	snprintf(disk->name, sizeof(disk->name), "%s", config->name);
	snprintf(disk->path, sizeof(disk->path), "%s", config->path);
}

int gmi_disk_lock_open(struct gmi_disk *disk, int flags, bool alone, struct gmi_error *err)
{
	disk->fd = open(disk->path, flags | O_CLOEXEC);
	if (disk->fd < 0 && (errno == ENOENT || errno == ENXIO || errno == ENODEV)) {
		gmi_fail_errno(err, "disk %s is missing: %s", disk->name, disk->path);
		err->code = GMI_E_LAYOUT;
		return -1;
	}
	if (disk->fd < 0)
		return gmi_fail_errno(err, "disk %s (%s): cannot open", disk->name, disk->path);
	/* Not at once: an estimate, or udev looking at a block device, is over in a moment. */
	if (!gmi_lock_soon(disk->fd, alone || disk->writable ? LOCK_EX : LOCK_SH))
		return gmi_fail(err, GMI_E_JOB_RUNS,
				"disk %s (%s) is in use by another gmi or by the system",
				disk->name, disk->path);
	return 0;
}

/* Looked at by its path, because opening a pipe waits for its other end. */
int gmi_disk_open(struct gmi_disk **out, const struct gmi_disk_config *config,
		  struct gmi_error *err)
{
	struct stat status;

	*out = NULL;
	/* What cannot be looked at cannot be opened either, and that says why. */
	if (stat(config->path, &status) < 0 || S_ISREG(status.st_mode))
		return gmi_image_disk_open(out, config, err);
	if (S_ISBLK(status.st_mode))
		return gmi_block_disk_open(out, config, err);
	if (S_ISCHR(status.st_mode) && major(status.st_rdev) == MTD_MAJOR)
		return gmi_flash_disk_open(out, config, err);
	return gmi_fail(err, GMI_E_LAYOUT,
			"disk %s (%s) is neither a block device nor raw flash nor an image file",
			config->name, config->path);
}
