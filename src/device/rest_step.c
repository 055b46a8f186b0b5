/* What is done to one filesystem. Which, and in what order, is rest.c's. */
#include "device/rest_step.h"

#include "base/cleanup.h"
#include "device/holders.h"
#include "storage/sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/*
 * fs/ext4/ext4.h (EXT4_IOC_SHUTDOWN), fs/xfs/libxfs/xfs_fs.h (XFS_IOC_GOINGDOWN) and
 * include/uapi/linux/f2fs.h (F2FS_IOC_SHUTDOWN) share the number, and 2 means to all of them:
 * without writing anything more, not even the log.
 */
#define IOC_SHUTDOWN _IOR('X', 125, uint32_t)
#define SHUTDOWN_NOTHING_WRITTEN 2u

#define HOLDERS_TOLD 3u

/*
 * Whether a filesystem that is mounted read-write can be kept from writing for good: its driver has
 * the ioctl above, and ext4 can be cut off, too (cut_off() says why): it lies on a partition, and
 * its superblock, at byte 1024, not in the one sector that is left.
 */
bool gmi_rest_can_be_shut_down(const struct gmi_mount *mount, const struct gmi_disk *disk)
{
	bool cut = mount->partition > 0 && disk->sector_length <= 1024;

	if (strncmp(mount->type, "ext", 3) == 0)
		return cut;
	return strcmp(mount->type, "xfs") == 0 || (strcmp(mount->type, "f2fs") == 0 && cut);
}

/*
 * The root of the mounted filesystem, and really of that: another one may have been mounted over it
 * since.
 */
static int open_root(const struct gmi_mount *mount, struct gmi_error *err)
{
	struct stat root;
	int fd = open(mount->point, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		gmi_fail_errno(err, "%s cannot be opened", mount->point);
		return -1;
	}
	/* btrfs shows an anonymous device, which differs by subvolume: there the path has to do. */
	if (fstat(fd, &root) == 0 && root.st_dev != mount->device && major(mount->device) != 0) {
		close(fd);
		gmi_fail(err, GMI_E_SYSTEM,
			 "%s cannot be reached: something else is mounted over it", mount->point);
		return -1;
	}
	return fd;
}

/* A remount is of the filesystem and of the mount: what was only to be read becomes so again. */
static int keep_only_to_read(const struct gmi_mount *of, const char *path, struct gmi_error *err)
{
	if (of->only_to_read && !of->read_only &&
	    mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | of->flags, NULL) < 0)
		return gmi_fail_errno(err, "%s cannot be mounted read-only again", of->point);
	return 0;
}

/* By its descriptor, so that it is this very mount. */
static int remount(const struct gmi_mount *of, unsigned long more_flags, struct gmi_error *err)
{
	GMI_AUTO_FD int fd = open_root(of, err);
	char path[32];

	if (fd < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	/* A remount sets all flags anew: those that are not given would be gone. */
	if (mount(NULL, path, NULL, MS_REMOUNT | of->flags | more_flags, NULL) < 0)
		return gmi_fail_errno(err, "%s cannot be remounted %s", of->point,
				      more_flags & MS_RDONLY ? "read-only" : "read-write");
	return more_flags & MS_RDONLY ? 0 : keep_only_to_read(of, path, err);
}

static void tell_holders(const struct gmi_mount *mount, struct gmi_error *err)
{
	char text[360];
	unsigned int count = gmi_holders_tell(mount->device, HOLDERS_TOLD, text, sizeof(text));
	struct gmi_error first = *err;

	if (count > HOLDERS_TOLD)
		gmi_fail(err, first.code, "%.120s: %s; and %u more", first.message, text,
			 count - HOLDERS_TOLD);
	else if (count > 0)
		gmi_fail(err, first.code, "%.120s: %s", first.message, text);
	err->sys = first.sys;
}

int gmi_rest_step_make_read_only(struct gmi_rest_step *step, struct gmi_error *err)
{
	if (remount(&step->mount, MS_RDONLY, err) == 0)
		return 0;
	step->state = GMI_REST_READ_ONLY; /* nothing to undo */
	if (err->sys == EBUSY)
		tell_holders(&step->mount, err);
	return -1;
}

int gmi_rest_step_freeze(struct gmi_rest_step *step, struct gmi_error *err)
{
	step->fd = open_root(&step->mount, err);
	if (step->fd >= 0 && ioctl(step->fd, FIFREEZE, 0) == 0)
		return 0;
	step->state = GMI_REST_READ_ONLY; /* nothing to undo: not somebody else's freeze either */
	if (step->fd < 0)
		return -1;
	if (errno == EBUSY)
		return gmi_fail(err, GMI_E_SYSTEM,
				"%s cannot be frozen: somebody else has frozen it already",
				step->mount.point);
	if (errno == EOPNOTSUPP)
		return gmi_fail(err, GMI_E_PROFILE,
				"%s cannot be frozen: its filesystem %s does not know how; let the "
				"profile say quiesce = remount-ro",
				step->mount.point, step->mount.type);
	return gmi_fail_errno(err, "%s cannot be frozen", step->mount.point);
}

/* A folder of a filesystem, or one of several mounts of it, cannot be brought back as it was. */
bool gmi_rest_may_be_unmounted(const struct gmi_mounts *mounts, const struct gmi_mount *mount)
{
	struct stat source;

	for (uint32_t i = 0; i < mounts->count; i++) {
		if (&mounts->list[i] != mount && mounts->list[i].device == mount->device)
			return false;
	}
	/* Without its device nobody could see whether it is gone. */
	return mount->whole && strcmp(mount->point, "/") != 0 &&
	       stat(mount->source, &source) == 0 && S_ISBLK(source.st_mode) &&
	       (source.st_rdev == mount->device || major(mount->device) == 0);
}

/*
 * A filesystem lives on after its last mount that we see is gone if an overlay has its upper
 * directory there, or another mount namespace shows it; and while it lives it writes. It holds its
 * device exclusively as long.
 */
static bool is_gone(const struct gmi_mount *mount)
{
	GMI_AUTO_FD int fd = open(mount->source, O_RDONLY | O_EXCL | O_CLOEXEC);

	return fd >= 0;
}

static int mount_again(const struct gmi_mount *of, struct gmi_error *err)
{
	if (mount(of->source, of->point, of->type, of->flags | (of->read_only ? MS_RDONLY : 0),
		  of->options) < 0)
		return gmi_fail_errno(err, "%s cannot be mounted again", of->point);
	return keep_only_to_read(of, of->point, err);
}

int gmi_rest_step_unmount(const struct gmi_mounts *mounts, const struct gmi_mount *mount,
			  bool *unmounted, struct gmi_error *err)
{
	*unmounted = false;
	if (!gmi_rest_may_be_unmounted(mounts, mount) || umount2(mount->point, UMOUNT_NOFOLLOW) < 0)
		return 0;
	*unmounted = is_gone(mount);
	return *unmounted ? 0 : mount_again(mount, err);
}

/* ---- and back ---- */

static bool is_mounted(const struct gmi_mount *mount)
{
	struct stat root;

	return stat(mount->point, &root) == 0 && root.st_dev == mount->device;
}

int gmi_rest_step_undo(struct gmi_rest_step *step, struct gmi_error *err)
{
	const struct gmi_mount *of = &step->mount;

	switch (step->state) {
	case GMI_REST_UNMOUNTED:
		return is_mounted(of) ? 0 : mount_again(of, err);
	case GMI_REST_REMOUNTED:
		return remount(of, 0, err);
	case GMI_REST_FROZEN:
		if (step->fd < 0)
			step->fd = open_root(of, err);
		if (step->fd < 0)
			return -1;
		/* EINVAL: it is not frozen, which is what is wanted. */
		if (ioctl(step->fd, FITHAW, 0) < 0 && errno != EINVAL)
			return gmi_fail_errno(err, "%s cannot be thawed", of->point);
		gmi_fd_clear(&step->fd);
		return 0;
	case GMI_REST_READ_ONLY:
	case GMI_REST_SHUT_DOWN:
		break;
	}
	return 0;
}

/* ---- for good ---- */

/*
 * Cuts a partition off from what is mounted from it: the kernel makes it one sector long, and
 * whatever its filesystem would write further behind fails in the block layer. Shut down alone does
 * not do: ext4 before Linux 6.15 writes its superblock all the same when it is unmounted
 * (ext4_put_super), at the latest when the device restarts. The disk itself stays as long as it is.
 */
static int cut_off(const struct gmi_rest_step *step, const struct gmi_disk *disk,
		   struct gmi_error *err)
{
	const struct gmi_mount *mount = &step->mount;
	struct blkpg_partition partition = {
		.start = (long long)mount->start,
		.length = (long long)disk->sector_length,
		.pno = mount->partition,
	};
	struct blkpg_ioctl_arg argument = {
		.op = BLKPG_RESIZE_PARTITION,
		.datalen = sizeof(partition),
		.data = &partition,
	};

	if (mount->partition == 0 || ioctl(disk->fd, BLKPG, &argument) == 0)
		return 0;
	return gmi_fail_errno(err, "%s (partition %d of disk %s) cannot be cut off", mount->point,
			      mount->partition, disk->name);
}

bool gmi_rest_is_cut_off(const struct gmi_mount *mount, const struct gmi_disk *disk)
{
	uint64_t sectors; /* of 512 bytes, whatever the disk's are */

	return mount->partition > 0 && gmi_sysfs_number(mount->device, "size", &sectors) &&
	       sectors * 512 == disk->sector_length;
}

int gmi_rest_step_shut_down(struct gmi_rest_step *step, const struct gmi_disk *disk,
			    struct gmi_error *err)
{
	uint32_t how = SHUTDOWN_NOTHING_WRITTEN;
	bool frozen = step->state == GMI_REST_FROZEN;

	if (step->fd < 0)
		step->fd = open_root(&step->mount, err);
	if (step->fd < 0) /* EIO: a restore that broke off has shut it down */
		return err->sys == EIO && !frozen ? 0 : -1;
	/*
	 * First, for ext4 that is shut down writes the superblock of its journal once more; of one
	 * that was never mounted read-write that is not what lies there.
	 */
	if ((frozen || strncmp(step->mount.type, "ext", 3) == 0) && cut_off(step, disk, err) < 0)
		return -1;
	if (ioctl(step->fd, IOC_SHUTDOWN, &how) < 0) {
		/* A filesystem that is only read does not write either. */
		if (!frozen && (errno == ENOTTY || errno == EOPNOTSUPP || errno == EINVAL))
			return 0;
		return gmi_fail_errno(err, "%s (%s) is in use and cannot be shut down",
				      step->mount.point, step->mount.type);
	}
	/* Those who wait to write wake up, and are told that there is nothing to write to. */
	if (frozen && ioctl(step->fd, FITHAW, 0) < 0)
		return gmi_fail_errno(err, "%s cannot be thawed", step->mount.point);
	step->state = GMI_REST_SHUT_DOWN;
	return 0;
}
