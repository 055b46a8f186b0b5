#include "device/rest.h"

#include "base/cleanup.h"
#include "device/holders.h"
#include "device/swaps.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
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
static bool can_be_shut_down(const struct gmi_rest_device *device, const struct gmi_mount *mount)
{
	bool cut = mount->partition > 0 && device->disks[mount->disk]->sector_length <= 1024;

	if (strncmp(mount->type, "ext", 3) == 0)
		return cut;
	return strcmp(mount->type, "xfs") == 0 || (strcmp(mount->type, "f2fs") == 0 && cut);
}

static const char *const words[] = {
	[GMI_REST_UNMOUNTED] = "unmounted",
	[GMI_REST_REMOUNTED] = "remounted",
	[GMI_REST_FROZEN] = "frozen",
};

int gmi_rest_plan_new(struct gmi_rest_plan *plan, struct gmi_error *err)
{
	plan->count = 0;
	plan->steps = calloc(GMI_REST_STEPS_MAX, sizeof(*plan->steps));
	if (!plan->steps)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for the list of mounts");
	return 0;
}

void gmi_rest_plan_release(struct gmi_rest_plan *plan)
{
	for (uint32_t i = 0; i < plan->count; i++)
		gmi_fd_clear(&plan->steps[i].fd);
	free(plan->steps);
	*plan = (struct gmi_rest_plan){ NULL, 0 };
}

static void say(const struct gmi_rest_voice *voice, const char *deed, const struct gmi_mount *mount)
{
	char text[400];

	snprintf(text, sizeof(text), "%s %s (%s)", deed, mount->point, mount->type);
	voice->say(voice->context, text);
}

/* ---- one filesystem ---- */

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
	return 0;
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

static int make_read_only(struct gmi_rest_step *step, struct gmi_error *err)
{
	if (remount(&step->mount, MS_RDONLY, err) == 0)
		return 0;
	step->state = GMI_REST_READ_ONLY; /* nothing to undo */
	if (err->sys == EBUSY)
		tell_holders(&step->mount, err);
	return -1;
}

static int freeze(struct gmi_rest_step *step, struct gmi_error *err)
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
static bool may_be_unmounted(const struct gmi_mounts *mounts, const struct gmi_mount *mount)
{
	struct stat source;

	for (uint32_t i = 0; i < mounts->count; i++) {
		if (&mounts->list[i] != mount && mounts->list[i].device == mount->device)
			return false;
	}
	/* Without its device nobody could see whether it is gone. */
	return mount->whole && strcmp(mount->point, "/") != 0 &&
	       stat(mount->source, &source) == 0 && S_ISBLK(source.st_mode) &&
	       source.st_rdev == mount->device;
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
	return 0;
}

static int try_to_unmount(const struct gmi_mounts *mounts, const struct gmi_mount *mount,
			  bool *unmounted, struct gmi_error *err)
{
	*unmounted = false;
	if (!may_be_unmounted(mounts, mount) || umount2(mount->point, UMOUNT_NOFOLLOW) < 0)
		return 0;
	*unmounted = is_gone(mount);
	return *unmounted ? 0 : mount_again(mount, err);
}

/* ---- all of them ---- */

/* What the profile says by any of the places where the filesystem is mounted. */
static enum gmi_rest wanted(const struct gmi_profile *profile, const struct gmi_mounts *mounts,
			    const struct gmi_mount *mount)
{
	for (uint32_t i = 0; i < profile->mount_count; i++) {
		for (uint32_t j = 0; j < mounts->count; j++) {
			if (mounts->list[j].device == mount->device &&
			    strcmp(profile->mounts[i].path, mounts->list[j].point) == 0)
				return profile->mounts[i].rest;
		}
	}
	return gmi_profile_rest(profile, mount->point);
}

static int deed_of(const struct gmi_rest_device *device, const struct gmi_mounts *mounts,
		   const struct gmi_mount *mount, enum gmi_rest_state *state, struct gmi_error *err)
{
	*state = GMI_REST_READ_ONLY;
	if (mount->read_only)
		return 0;
	switch (wanted(device->profile, mounts, mount)) {
	case GMI_REST_REMOUNT_RO:
		*state = GMI_REST_REMOUNTED;
		return 0;
	case GMI_REST_FREEZE:
		*state = GMI_REST_FROZEN;
		if (device->for_writing && !can_be_shut_down(device, mount))
			return gmi_fail(
				err, GMI_E_PROFILE,
				"%s (%s on %s) is in use, and cannot be shut down where it is: "
				"let the quiesce hook stop whoever uses it",
				mount->point, mount->type, mount->source);
		return 0;
	case GMI_REST_NONE:
		return gmi_fail(
			err, GMI_E_PROFILE,
			"%s (%s on %s) is mounted read-write, though the profile says quiesce "
			"= none: let the quiesce hook remount or unmount it",
			mount->point, mount->type, mount->source);
	case GMI_REST_UNTOLD:
		break;
	}
	return gmi_fail(err, GMI_E_PROFILE,
			"%s (%s on %s) is mounted read-write, and the profile does not say how it "
			"comes to rest: add [mount %s] with quiesce = freeze or remount-ro",
			mount->point, mount->type, mount->source, mount->point);
}

static int add_step(struct gmi_rest_plan *plan, const struct gmi_mount *mount,
		    enum gmi_rest_state state, struct gmi_record *record, struct gmi_error *err)
{
	if (plan->count == GMI_REST_STEPS_MAX)
		return gmi_fail(err, GMI_E_SYSTEM, "more than %d filesystems are mounted",
				GMI_REST_STEPS_MAX);
	if (state != GMI_REST_READ_ONLY &&
	    gmi_record_note(record, words[state], mount->line, err) < 0)
		return gmi_error_prefix(err, "%s stays as it is", mount->point);
	plan->steps[plan->count++] =
		(struct gmi_rest_step){ .mount = *mount, .state = state, .fd = -1 };
	return 0;
}

static bool is_done(const struct gmi_rest_plan *plan, const struct gmi_mount *mount)
{
	for (uint32_t i = 0; i < plan->count; i++) {
		if (plan->steps[i].mount.device == mount->device)
			return true;
	}
	return false;
}

static int bring_to_rest(struct gmi_rest_plan *plan, const struct gmi_rest_device *device,
			 const struct gmi_mounts *mounts, const struct gmi_mount *mount,
			 struct gmi_record *record, const struct gmi_rest_voice *voice,
			 struct gmi_error *err)
{
	struct gmi_rest_step *step = &plan->steps[plan->count];
	enum gmi_rest_state state;
	bool unmounted;

	if (device->for_writing) {
		if (add_step(plan, mount, GMI_REST_UNMOUNTED, record, err) < 0)
			return -1;
		if (try_to_unmount(mounts, mount, &unmounted, err) < 0)
			return -1;
		if (unmounted) {
			say(voice, "Unmounted", mount);
			return 0;
		}
		plan->count--;
	}
	if (deed_of(device, mounts, mount, &state, err) < 0 ||
	    add_step(plan, mount, state, record, err) < 0)
		return -1;
	if (state == GMI_REST_READ_ONLY)
		return 0;
	if ((state == GMI_REST_FROZEN ? freeze(step, err) : make_read_only(step, err)) < 0) {
		/* A restore that broke off shut it down, and is repeated. */
		if (!device->for_writing || err->sys != EIO)
			return -1;
		step->state = GMI_REST_SHUT_DOWN;
		return 0;
	}
	say(voice, state == GMI_REST_FROZEN ? "Froze" : "Remounted read-only", mount);
	return 0;
}

/* Mounts come and go: what was mounted while the others came to rest must not be overlooked. */
static int check_again(const struct gmi_rest_plan *plan, const struct gmi_rest_device *device,
		       struct gmi_error *err)
{
	struct gmi_mounts mounts;
	int result = 0;

	if (gmi_mounts_find(&mounts, device->disks, device->disk_count, err) < 0)
		return -1;
	for (uint32_t i = 0; result == 0 && i < mounts.count; i++) {
		const struct gmi_mount *mount = &mounts.list[i];
		bool rests = mount->read_only;

		for (uint32_t j = 0; j < plan->count; j++)
			rests |= plan->steps[j].mount.device == mount->device &&
				 (plan->steps[j].state == GMI_REST_FROZEN ||
				  plan->steps[j].state == GMI_REST_SHUT_DOWN);
		if (!rests)
			result = gmi_fail(
				err, GMI_E_SYSTEM,
				"%s (%s on %s) was mounted read-write while the device came "
				"to rest",
				mount->point, mount->type, mount->source);
	}
	gmi_mounts_release(&mounts);
	return result;
}

/* The next note would wait for a filesystem that is frozen already. */
static int refuse_record_on_disk(const struct gmi_rest_device *device,
				 const struct gmi_record *record, struct gmi_error *err)
{
	struct stat file;
	uint32_t disk;

	if (!record->file || fstat(fileno(record->file), &file) < 0 ||
	    !gmi_mounts_disk_of(device->disks, device->disk_count, file.st_dev, &disk))
		return 0;
	return gmi_fail(
		err, GMI_E_PROFILE,
		"the folder %s lies on disk %s, which has to stand still: let the profile's "
		"runtime name one in memory (tmpfs), like /run/gmi",
		device->profile->runtime, device->disks[disk]->name);
}

int gmi_rest_begin(struct gmi_rest_plan *plan, const struct gmi_rest_device *device,
		   struct gmi_record *record, const struct gmi_rest_voice *voice,
		   struct gmi_error *err)
{
	struct gmi_mounts mounts;
	int result = 0;

	if (gmi_swaps_refuse(device->disks, device->disk_count, err) < 0 ||
	    refuse_record_on_disk(device, record, err) < 0 ||
	    gmi_mounts_find(&mounts, device->disks, device->disk_count, err) < 0)
		return -1;
	for (uint32_t i = mounts.count; result == 0 && i > 0; i--) {
		const struct gmi_mount *mount = &mounts.list[i - 1];

		if (!is_done(plan, mount))
			result = bring_to_rest(plan, device, &mounts, mount, record, voice, err);
	}
	gmi_mounts_release(&mounts);
	return result < 0 ? -1 : check_again(plan, device, err);
}

/* ---- and back ---- */

static bool is_mounted(const struct gmi_mount *mount)
{
	struct stat root;

	return stat(mount->point, &root) == 0 && root.st_dev == mount->device;
}

static int undo_step(struct gmi_rest_step *step, struct gmi_error *err)
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

int gmi_rest_undo(struct gmi_rest_plan *plan, struct gmi_error *err)
{
	struct gmi_error later;
	int result = 0;

	for (; plan->count > 0; plan->count--) {
		struct gmi_rest_step *step = &plan->steps[plan->count - 1];

		if (undo_step(step, result < 0 ? &later : err) < 0)
			result = -1;
		gmi_fd_clear(&step->fd);
	}
	return result;
}

void gmi_rest_plan_add_noted(struct gmi_rest_plan *plan, const char *line)
{
	struct gmi_rest_step *step = &plan->steps[plan->count];
	size_t length = strcspn(line, " ");

	if (plan->count == GMI_REST_STEPS_MAX || line[length] != ' ')
		return;
	for (size_t i = GMI_REST_UNMOUNTED; i <= GMI_REST_FROZEN; i++) {
		if (strlen(words[i]) == length && memcmp(words[i], line, length) == 0 &&
		    gmi_mount_parse(&step->mount, line + length + 1)) {
			step->state = (enum gmi_rest_state)i;
			step->fd = -1;
			plan->count++;
			return;
		}
	}
}

/* ---- for good ---- */

/*
 * Cuts a partition off from what is mounted from it: the kernel makes it one sector long, and
 * whatever its filesystem would write further behind fails in the block layer. Shut down alone does
 * not do: ext4 before Linux 6.15 writes its superblock all the same when it is unmounted
 * (ext4_put_super), at the latest when the device restarts. The disk itself stays as long as it is.
 */
static int cut_off(const struct gmi_rest_step *step, const struct gmi_rest_device *device,
		   struct gmi_error *err)
{
	const struct gmi_mount *mount = &step->mount;
	const struct gmi_disk *disk = device->disks[mount->disk];
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

static int shut_down(struct gmi_rest_step *step, const struct gmi_rest_device *device,
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
	if ((frozen || strncmp(step->mount.type, "ext", 3) == 0) && cut_off(step, device, err) < 0)
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

int gmi_rest_shut_down(struct gmi_rest_plan *plan, const struct gmi_rest_device *device,
		       const struct gmi_rest_voice *voice, struct gmi_error *err)
{
	for (uint32_t i = 0; i < plan->count; i++) {
		struct gmi_rest_step *step = &plan->steps[i];

		if (step->state == GMI_REST_UNMOUNTED || step->state == GMI_REST_SHUT_DOWN)
			continue;
		if (shut_down(step, device, err) < 0)
			return -1;
		if (step->state == GMI_REST_SHUT_DOWN)
			say(voice, "Shut down", &step->mount);
		gmi_fd_clear(&step->fd);
	}
	return 0;
}
