/* A restore overwrites the disks beneath the running system: what is in use there? */
#include "doctor/checks.h"

#include "device/rest_step.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What is read-only, or will be, never writes; what is frozen must not be thawed over new content.
 */
static void check_mount(struct gmi_doctor *doctor, const struct gmi_mount *mount)
{
	if (mount->read_only ||
	    gmi_rest_can_be_shut_down(mount, doctor->device.disks[mount->disk]) ||
	    gmi_rest_wanted(&doctor->profile, &doctor->mounts, mount) != GMI_REST_FREEZE)
		return;
	if (gmi_rest_may_be_unmounted(&doctor->mounts, mount)) {
		gmi_doctor_find(doctor, GMI_SEVERITY_NOTE,
				"%s (%s) cannot be shut down: a restore has to unmount it",
				mount->point, mount->type);
		gmi_doctor_advise(doctor,
				  "The quiesce hook has to stop everybody who uses it, or the "
				  "restore is refused.");
		return;
	}
	gmi_doctor_find(
		doctor, GMI_SEVERITY_PROBLEM,
		"%s (%s) can neither be unmounted nor shut down: a restore would be refused",
		mount->point, mount->type);
	gmi_doctor_advise(doctor, "Let [mount %s] say quiesce = remount-ro.", mount->point);
}

static bool check_program(struct gmi_doctor *doctor, const char *what, const char *path)
{
	uint32_t disk;

	if (!gmi_doctor_is_on_disk(doctor, path, &disk))
		return false;
	gmi_doctor_find(doctor, GMI_SEVERITY_WARNING,
			"%s (%s) lies on disk %s, which a restore overwrites", what, path,
			doctor->device.disks[disk]->name);
	gmi_doctor_advise(doctor,
			  "Keep it in a RAM disk, or the user has to switch the device off and "
			  "on after a restore.");
	return true;
}

static bool check_programs(struct gmi_doctor *doctor)
{
	const char *restart = doctor->profile.hooks.restart;
	char own[PATH_MAX];
	char word[256];
	char path[600];
	bool found;
	ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);

	own[length > 0 ? length : 0] = '\0';
	found = check_program(doctor, "gmi itself", own);
	found |= check_program(doctor, "the shell", "/bin/sh");
	if (gmi_doctor_program_of(restart, word) &&
	    gmi_doctor_find_program(&doctor->profile, word, path))
		found |= check_program(doctor, "the restart hook", path);
	return found;
}

void gmi_doctor_check_restore(struct gmi_doctor *doctor)
{
	uint32_t before = doctor->finding_count;

	for (uint32_t i = 0; i < doctor->mounts.count; i++) {
		if (gmi_doctor_is_first_mount(doctor, i))
			check_mount(doctor, &doctor->mounts.list[i]);
	}
	if (doctor->finding_count == before && doctor->mounts.count > 0)
		gmi_doctor_find(doctor, GMI_SEVERITY_OK,
				"whatever is still mounted can be kept from writing");
	if (!check_programs(doctor) && gmi_doctor_sees_all_disks(doctor))
		gmi_doctor_find(
			doctor, GMI_SEVERITY_OK,
			"gmi, the shell and the restart hook lie where a restore does not reach");
}
