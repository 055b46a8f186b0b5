#include "device/rest.h"

#include "base/cleanup.h"
#include "device/rest_step.h"
#include "device/swaps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- all of them ---- */

/* What the profile says by any of the places where the filesystem is mounted. */
enum gmi_rest gmi_rest_wanted(const struct gmi_profile *profile, const struct gmi_mounts *mounts,
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
	switch (gmi_rest_wanted(device->profile, mounts, mount)) {
	case GMI_REST_REMOUNT_RO:
		*state = GMI_REST_REMOUNTED;
		return 0;
	case GMI_REST_FREEZE:
		*state = GMI_REST_FROZEN;
		if (device->for_writing &&
		    !gmi_rest_can_be_shut_down(mount, device->disks[mount->disk]))
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

	/* A restore that broke off is repeated. */
	if (device->for_writing && gmi_rest_is_cut_off(mount, device->disks[mount->disk])) {
		if (add_step(plan, mount, GMI_REST_READ_ONLY, record, err) < 0)
			return -1;
		step->state = GMI_REST_SHUT_DOWN;
		return 0;
	}
	if (device->for_writing) {
		if (add_step(plan, mount, GMI_REST_UNMOUNTED, record, err) < 0)
			return -1;
		if (gmi_rest_step_unmount(mounts, mount, &unmounted, err) < 0)
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
	if ((state == GMI_REST_FROZEN ? gmi_rest_step_freeze(step, err)
				      : gmi_rest_step_make_read_only(step, err)) < 0) {
		/* The same, where it could only be shut down. */
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
	uint32_t disk;

	if (!record->file || !gmi_mounts_disk_of_file(device->disks, device->disk_count,
						      fileno(record->file), &disk))
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

int gmi_rest_undo(struct gmi_rest_plan *plan, struct gmi_error *err)
{
	struct gmi_error later;
	int result = 0;

	for (; plan->count > 0; plan->count--) {
		struct gmi_rest_step *step = &plan->steps[plan->count - 1];

		if (gmi_rest_step_undo(step, result < 0 ? &later : err) < 0)
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

int gmi_rest_shut_down(struct gmi_rest_plan *plan, const struct gmi_rest_device *device,
		       const struct gmi_rest_voice *voice, struct gmi_error *err)
{
	for (uint32_t i = 0; i < plan->count; i++) {
		struct gmi_rest_step *step = &plan->steps[i];

		if (step->state == GMI_REST_UNMOUNTED || step->state == GMI_REST_SHUT_DOWN)
			continue;
		if (gmi_rest_step_shut_down(step, device->disks[step->mount.disk], err) < 0)
			return -1;
		if (step->state == GMI_REST_SHUT_DOWN)
			say(voice, "Shut down", &step->mount);
		gmi_fd_clear(&step->fd);
	}
	return 0;
}
