#include "device/device.h"

#include "base/text.h"
#include "device/guard.h"
#include "device/hooks.h"
#include "device/mark.h"
#include "device/memory.h"
#include "device/mounts.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A partition beside its disk, an image beside the loop device of it: the same bytes twice. */
static int refuse_overlap(struct gmi_device *device, uint32_t newest, struct gmi_error *err)
{
	for (uint32_t i = 0; i < newest; i++) {
		struct gmi_disk *pair[] = { device->disks[i], device->disks[newest] };

		for (size_t below = 0; below < 2; below++) {
			struct gmi_disk *lower = pair[below];
			struct gmi_disk *upper = pair[1 - below];
			uint32_t ignored;

			if (upper->rdev != 0 &&
			    gmi_mounts_disk_of(&lower, 1, upper->rdev, &ignored))
				return gmi_fail(
					err, GMI_E_PROFILE,
					"disks %s and %s overlap: %s lies on %s; name whole disks, "
					"each once",
					lower->name, upper->name, upper->path, lower->path);
		}
	}
	return 0;
}

int gmi_device_open(struct gmi_device *device, const struct gmi_profile *profile,
		    enum gmi_device_access access, struct gmi_error *err)
{
	memset(device, 0, sizeof(*device));
	device->profile = profile;
	device->access = access;
	if (gmi_identity_read(profile, &device->identity, err) < 0)
		return -1;
	if (access != GMI_DEVICE_LOOK && gmi_programs_keep_out(&device->programs, profile, err) < 0)
		return -1;
	for (uint32_t i = 0; i < profile->disk_count; i++) {
		struct gmi_disk_config config = {
			.name = profile->disks[i].name,
			.path = profile->disks[i].path,
			.flash = profile->disks[i].flash,
			.writable = access == GMI_DEVICE_WRITE,
			.alone = access != GMI_DEVICE_LOOK,
		};

		if (gmi_disk_open(&device->disks[i], &config, err) < 0) {
			gmi_device_close(device);
			return -1;
		}
		device->disk_count++;
		if (refuse_overlap(device, i, err) < 0) {
			gmi_device_close(device);
			return -1;
		}
	}
	return 0;
}

void gmi_device_close(struct gmi_device *device)
{
	gmi_claims_release(&device->claims);
	gmi_guard_end(device->guard);
	device->guard = NULL;
	for (uint32_t i = 0; i < device->disk_count; i++)
		gmi_disk_close(device->disks[i]);
	device->disk_count = 0;
	gmi_programs_let_in(&device->programs);
}

int gmi_device_keep_off(const struct gmi_device *device, const int *fds, uint32_t count,
			struct gmi_error *err)
{
	for (uint32_t i = 0; i < count; i++) {
		char path[PATH_MAX] = "";
		struct stat file;
		char link[32];
		uint32_t disk;

		if (fstat(fds[i], &file) < 0 || !S_ISREG(file.st_mode) ||
		    !gmi_mounts_disk_of_file(device->disks, device->disk_count, fds[i], &disk))
			continue;
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fds[i]);
		(void)!readlink(link, path, sizeof(path) - 1);
		gmi_text_clean(path);
		return gmi_fail(err, GMI_E_USAGE,
				"%.300s lies on disk %s of this device, which has to stand still: "
				"put it elsewhere, on a stick or another computer",
				path, device->disks[disk]->name);
	}
	return 0;
}

int gmi_device_check_ready(const struct gmi_profile *profile, enum gmi_device_access access,
			   struct gmi_error *err)
{
	char program[GMI_PROGRAM_LENGTH];
	struct gmi_mark mark;

	gmi_mark_read(profile, &mark);
	if (gmi_mark_check(mark.state, access, err) < 0)
		return -1;
	/* Nothing runs on a device that a restore has left at rest, and nobody is left to be asked.
	 */
	if (mark.state != GMI_MARK_NONE)
		return 0;
	return gmi_programs_check(profile, program, err);
}

int gmi_device_quiesce(struct gmi_device *device, struct gmi_report *report, struct gmi_error *err)
{
	struct gmi_error other;

	if (gmi_guard_start(&device->guard, device->profile, device->disks, device->disk_count,
			    device->access == GMI_DEVICE_WRITE, err) < 0)
		return -1;
	if (gmi_guard_quiesce(device->guard, report, err) < 0) {
		gmi_guard_end(device->guard);
		device->guard = NULL;
		return -1;
	}
	device->quiesced = true;
	/* What the kernel holds of the disks is older than what the filesystems have just written.
	 */
	for (uint32_t i = 0; i < device->disk_count; i++)
		gmi_disk_drop_cache(device->disks[i]);
	if (gmi_claims_take(&device->claims, device->disks, device->disk_count, GMI_CLAIM_ALL,
			    err) == 0 &&
	    gmi_still_begin(&device->still, device->disks, device->disk_count,
			    device->access == GMI_DEVICE_READ, err) == 0)
		return 0;
	if (gmi_device_release(device, report, &other) < 0)
		gmi_error_prefix(err, "%s; before that", other.message);
	return -1;
}

int gmi_device_check_still(const struct gmi_device *device, struct gmi_error *err)
{
	return gmi_still_check(&device->still, device->disks, device->disk_count, err);
}

/* Does something with every disk of which nothing is mounted. */
static int each_unmounted(struct gmi_device *device,
			  int (*act)(struct gmi_disk *disk, struct gmi_error *err),
			  struct gmi_error *err)
{
	struct gmi_mounts mounts;
	int result = 0;

	if (gmi_mounts_find(&mounts, device->disks, device->disk_count, err) < 0)
		return -1;
	for (uint32_t i = 0; result == 0 && i < device->disk_count; i++) {
		if (!gmi_mounts_any_of(&mounts, i))
			result = act(device->disks[i], err);
	}
	gmi_mounts_release(&mounts);
	return result;
}

void gmi_device_reread_tables(struct gmi_device *device, struct gmi_report *report)
{
	struct gmi_error err;

	gmi_claims_release(&device->claims);
	if (each_unmounted(device, gmi_disk_reread_table, &err) < 0)
		gmi_report_say(report, "The kernel keeps the old partitions until the restart: %s",
			       err.message);
}

/* A disk of which nothing is mounted as a whole; of another one the partitions that are not. */
static int claim_for_good(struct gmi_device *device, struct gmi_error *err)
{
	gmi_claims_release(&device->claims);
	if (each_unmounted(device, gmi_disk_claim, err) < 0)
		return -1;
	return gmi_claims_take(&device->claims, device->disks, device->disk_count,
			       GMI_CLAIM_BESIDE_MOUNTS, err);
}

int gmi_device_take_over(struct gmi_device *device, struct gmi_report *report,
			 struct gmi_error *err)
{
	struct gmi_error other;

	if (gmi_device_check_still(device, err) < 0 ||
	    gmi_memory_hold(device->disks, device->disk_count, err) < 0 ||
	    claim_for_good(device, err) < 0)
		return -1;
	device->taken_over = true;
	/* From here on only a restart helps, also if this is the last that we do. */
	if (gmi_mark_make(device->profile, GMI_MARK_INCOMPLETE, device->identity.id, &other) < 0)
		gmi_report_say(report, "That a restart is due could not be noted: %s",
			       other.message);
	if (gmi_guard_shut_down(device->guard, report, err) < 0) {
		/* Some are shut down for good; the others, and the services, are better off alive.
		 */
		if (gmi_device_release(device, report, &other) < 0)
			gmi_error_prefix(err, "%s; before that", other.message);
		return -1;
	}
	gmi_guard_end(device->guard);
	device->guard = NULL;
	device->quiesced = false;
	return 0;
}

int gmi_device_release(struct gmi_device *device, struct gmi_report *report, struct gmi_error *err)
{
	int result;

	/* First: what the guard or a hook mounts again must not be claimed. */
	gmi_claims_release(&device->claims);
	result = gmi_guard_release(device->guard, report, err);

	gmi_guard_end(device->guard);
	device->guard = NULL;
	device->quiesced = false;
	gmi_programs_let_in(&device->programs);
	return result;
}

int gmi_device_recover(const struct gmi_profile *profile, bool *found, struct gmi_error *err)
{
	return gmi_guard_recover(profile, found, err);
}

int gmi_device_restart(const struct gmi_profile *profile, struct gmi_error *err)
{
	if (!profile->hooks.restart[0])
		return gmi_fail(err, GMI_E_HOOK,
				"the profile has no restart hook: restart the device by hand");
	return gmi_hook_succeed(profile, "restart", profile->hooks.restart, NULL, err);
}
