/* Every filesystem that is mounted read-write has a way to come to rest, and nobody swaps to the
 * disks. */
#include "doctor/checks.h"

#include "device/holders.h"
#include "device/rest.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOLDERS_TOLD 3u

bool gmi_doctor_is_first_mount(const struct gmi_doctor *doctor, uint32_t number)
{
	for (uint32_t i = 0; i < number; i++) {
		if (doctor->mounts.list[i].device == doctor->mounts.list[number].device)
			return false;
	}
	return true;
}

static bool is_one_of(const char *word, const char *const *words)
{
	for (; *words; words++) {
		if (strcmp(word, *words) == 0)
			return true;
	}
	return false;
}

static bool can_freeze(const char *type)
{
	static const char *const can[] = { "ext2", "ext3", "ext4",   "xfs", "btrfs",
					   "f2fs", "jfs",  "nilfs2", NULL };

	return is_one_of(type, can);
}

static bool cannot_freeze(const char *type)
{
	static const char *const cannot[] = { "vfat",  "msdos", "exfat", "ntfs3", "jffs2",
					      "ubifs", "hfs",   "udf",   NULL };

	return is_one_of(type, cannot);
}

static void advise_rest(struct gmi_doctor *doctor, const struct gmi_mount *mount)
{
	gmi_doctor_advise(doctor, "Let [mount %s] say quiesce = %sremount-ro.", mount->point,
			  can_freeze(mount->type) ? "freeze or " : "");
}

static void check_freeze(struct gmi_doctor *doctor, const struct gmi_mount *mount)
{
	if (can_freeze(mount->type)) {
		gmi_doctor_find(doctor, GMI_SEVERITY_OK, "%s (%s) comes to rest by freezing",
				mount->point, mount->type);
		return;
	}
	if (cannot_freeze(mount->type))
		gmi_doctor_find(doctor, GMI_SEVERITY_PROBLEM,
				"%s cannot be frozen: its filesystem %s does not know how",
				mount->point, mount->type);
	else
		gmi_doctor_find(
			doctor, GMI_SEVERITY_WARNING,
			"%s is to be frozen, but it is not known whether its filesystem %s can "
			"be",
			mount->point, mount->type);
	advise_rest(doctor, mount);
}

static void check_remount(struct gmi_doctor *doctor, const struct gmi_mount *mount)
{
	char text[420];
	unsigned int count = gmi_holders_tell(mount->device, HOLDERS_TOLD, text, sizeof(text));

	gmi_doctor_find(doctor, GMI_SEVERITY_OK, "%s (%s) comes to rest by remounting it read-only",
			mount->point, mount->type);
	if (geteuid() != 0)
		gmi_doctor_unseen(doctor, "who holds files of %s open for writing is not known",
				  mount->point);
	if (count == 0)
		return;
	gmi_doctor_find(doctor,
			doctor->profile.hooks.quiesce[0] ? GMI_SEVERITY_NOTE : GMI_SEVERITY_WARNING,
			"%s", text);
	if (count == 1)
		gmi_doctor_advise(doctor,
				  "The quiesce hook has to stop it, or %s cannot be remounted "
				  "read-only. quiesce = freeze would not mind it.",
				  mount->point);
	else
		gmi_doctor_advise(doctor,
				  "The quiesce hook has to stop all %u, or %s cannot be remounted "
				  "read-only. quiesce = freeze would not mind them.",
				  count, mount->point);
}

static void check_none(struct gmi_doctor *doctor, const struct gmi_mount *mount)
{
	bool hook = doctor->profile.hooks.quiesce[0] != '\0';

	gmi_doctor_find(doctor, hook ? GMI_SEVERITY_NOTE : GMI_SEVERITY_PROBLEM,
			"%s (%s) is mounted read-write, and the profile leaves its rest to %s",
			mount->point, mount->type,
			hook ? "the quiesce hook" : "a quiesce hook that it does not have");
	if (hook)
		gmi_doctor_advise(doctor, "The quiesce hook has to unmount it or remount it "
					  "read-only, or the backup is refused.");
	else
		advise_rest(doctor, mount);
}

static void check_mount(struct gmi_doctor *doctor, const struct gmi_mount *mount)
{
	if (mount->read_only) {
		gmi_doctor_find(doctor, GMI_SEVERITY_OK, "%s (%s) is mounted read-only: at rest",
				mount->point, mount->type);
		return;
	}
	switch (gmi_rest_wanted(&doctor->profile, &doctor->mounts, mount)) {
	case GMI_REST_FREEZE:
		check_freeze(doctor, mount);
		return;
	case GMI_REST_REMOUNT_RO:
		check_remount(doctor, mount);
		return;
	case GMI_REST_NONE:
		check_none(doctor, mount);
		return;
	case GMI_REST_UNTOLD:
		break;
	}
	gmi_doctor_find(
		doctor, GMI_SEVERITY_PROBLEM,
		"%s (%s on %s) is mounted read-write, and the profile does not say how it comes "
		"to rest",
		mount->point, mount->type, mount->source);
	advise_rest(doctor, mount);
}

/* Named in the profile, but nothing of these disks is mounted there. */
static void check_told(struct gmi_doctor *doctor, const struct gmi_profile_mount *told)
{
	if (strcmp(told->path, "*") == 0)
		return;
	for (uint32_t i = 0; i < doctor->mounts.count; i++) {
		if (strcmp(doctor->mounts.list[i].point, told->path) == 0)
			return;
	}
	gmi_doctor_find(doctor, GMI_SEVERITY_NOTE,
			"[mount %s]: no filesystem of the profile's disks is mounted there now",
			told->path);
	gmi_doctor_advise(doctor, "If one should be, mount it and ask again; else take the section "
				  "out of the profile.");
}

void gmi_doctor_check_mounts(struct gmi_doctor *doctor)
{
	for (uint32_t i = 0; i < doctor->mounts.count; i++) {
		if (gmi_doctor_is_first_mount(doctor, i))
			check_mount(doctor, &doctor->mounts.list[i]);
	}
	if (!gmi_doctor_sees_all_disks(doctor)) {
		gmi_doctor_find(doctor, GMI_SEVERITY_NOTE,
				"what is mounted is only known of the disks that could be opened");
		gmi_doctor_advise(doctor, "See to the disks above and ask again.");
		return;
	}
	for (uint32_t i = 0; i < doctor->profile.mount_count; i++)
		check_told(doctor, &doctor->profile.mounts[i]);
	if (doctor->mounts.count == 0)
		gmi_doctor_find(doctor, GMI_SEVERITY_OK,
				"no filesystem of the profile's disks is mounted");
}

/* ---- swap ---- */

/* Whether the quiesce hook, or the script that it is, speaks of swapoff. */
static bool hook_swaps_off(const struct gmi_doctor *doctor)
{
	const char *command = doctor->profile.hooks.quiesce;
	char line[512];
	char word[256];
	char path[600];
	bool found = strstr(command, "swapoff") != NULL;
	FILE *file;

	if (found || !gmi_doctor_program_of(command, word) ||
	    !gmi_doctor_find_program(&doctor->profile, word, path))
		return found;
	file = fopen(path, "re");
	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, "swapoff") != NULL;
	if (file)
		fclose(file);
	return found;
}

/* proc(5), /proc/swaps: a heading, then for each its name and more. */
void gmi_doctor_check_swap(struct gmi_doctor *doctor)
{
	bool off = hook_swaps_off(doctor);
	FILE *file = gmi_doctor_open(doctor, "/proc/swaps");
	char line[1024];

	while (file && fgets(line, sizeof(line), file)) {
		uint32_t disk;

		line[strcspn(line, " \t\n")] = '\0';
		gmi_mount_unescape(line);
		if (line[0] != '/' || !gmi_doctor_is_on_disk(doctor, line, &disk))
			continue;
		gmi_doctor_find(doctor, off ? GMI_SEVERITY_NOTE : GMI_SEVERITY_PROBLEM,
				"the system swaps to %.200s on disk %s: the kernel writes there "
				"whenever it likes",
				line, doctor->device.disks[disk]->name);
		gmi_doctor_advise(
			doctor,
			off ? "The quiesce hook speaks of swapoff: see that it is for this."
			    : "Let the quiesce hook call swapoff, and the release hook swapon.");
	}
	if (file)
		fclose(file);
}
