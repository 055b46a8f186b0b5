/* The files and folders that gmi itself needs: lock, runtime folder, journal. */
#include "doctor/checks.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

/* The path itself, or the nearest folder above it that is there. */
static void nearest(const char *path, char found[256])
{
	char *slash;

	snprintf(found, 256, "%s", path);
	while (access(found, F_OK) < 0 && errno == ENOENT && (slash = strrchr(found, '/')) != NULL)
		slash[slash == found] = '\0';
}

static void parent(const char *path, char folder[256])
{
	char *slash;

	snprintf(folder, 256, "%s", path);
	slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = '\0';
}

static bool lies_in_memory(const char *path)
{
	struct statfs filesystem;

	return statfs(path, &filesystem) == 0 &&
	       (filesystem.f_type == TMPFS_MAGIC || filesystem.f_type == RAMFS_MAGIC);
}

/* True if it may be written; else says so, by `what`. */
static bool check_writable(struct gmi_doctor *doctor, const char *what, const char *path)
{
	if (access(path, W_OK) == 0)
		return true;
	if (gmi_doctor_is_forbidden(errno)) {
		gmi_doctor_unseen(doctor, "%s: %s may be written by root only", what, path);
		return false;
	}
	gmi_doctor_find(doctor, GMI_SEVERITY_PROBLEM, "%s: %s cannot be written: %s", what, path,
			strerror(errno));
	gmi_doctor_advise(doctor, "Name another place in the profile, or make this one writable.");
	return false;
}

static void check_lock(struct gmi_doctor *doctor)
{
	const char *path = doctor->profile.lock;
	char place[256];
	struct stat file;

	if (!path[0]) {
		gmi_doctor_find(doctor, GMI_SEVERITY_NOTE,
				"no lock file: a program may start while a backup runs");
		gmi_doctor_advise(doctor,
				  "Add lock = PATH to [device] if the device's programs can "
				  "honour it.");
		return;
	}
	if (stat(path, &file) == 0 && !S_ISREG(file.st_mode)) {
		gmi_doctor_find(doctor, GMI_SEVERITY_PROBLEM, "lock file: %s is not a file", path);
		gmi_doctor_advise(doctor, "Name a file in [device] lock.");
		return;
	}
	parent(path, place);
	if (access(path, F_OK) < 0 && access(place, F_OK) < 0 && errno == ENOENT) {
		gmi_doctor_find(doctor, GMI_SEVERITY_PROBLEM,
				"lock file: its folder %s is not there", place);
		gmi_doctor_advise(doctor,
				  "Make the folder when the system starts, or name another.");
		return;
	}
	if (check_writable(doctor, "lock file", access(path, F_OK) == 0 ? path : place))
		gmi_doctor_find(doctor, GMI_SEVERITY_OK, "lock file: %s can be used", path);
}

static void check_runtime(struct gmi_doctor *doctor)
{
	const char *path = doctor->profile.runtime;
	char place[256];
	struct stat folder;
	uint32_t disk;

	nearest(path, place);
	if (stat(place, &folder) == 0 && !S_ISDIR(folder.st_mode)) {
		gmi_doctor_find(doctor, GMI_SEVERITY_PROBLEM, "runtime folder: %s is not a folder",
				place);
		gmi_doctor_advise(doctor, "Name a folder in [device] runtime.");
		return;
	}
	if (gmi_doctor_is_on_disk(doctor, place, &disk)) {
		gmi_doctor_find(doctor, GMI_SEVERITY_PROBLEM,
				"runtime folder: %s lies on disk %s, which is to stand still", path,
				doctor->device.disks[disk]->name);
		gmi_doctor_advise(doctor, "Name a folder in memory (tmpfs), as /run is on most "
					  "systems.");
		return;
	}
	if (!check_writable(doctor, "runtime folder", place))
		return;
	if (lies_in_memory(place)) {
		gmi_doctor_find(doctor, GMI_SEVERITY_OK, "runtime folder: %s %s, in memory", path,
				strcmp(path, place) == 0 ? "is there" : "can be made");
		return;
	}
	gmi_doctor_find(
		doctor, GMI_SEVERITY_WARNING,
		"runtime folder: %s does not lie in memory, so what gmi notes there outlives a "
		"restart",
		path);
	gmi_doctor_advise(doctor,
			  "Name a folder on a tmpfs: gmi would think that a restart is still "
			  "due.");
}

static bool is_flash_of_the_profile(const struct gmi_doctor *doctor, const struct stat *node)
{
	struct stat own;

	for (uint32_t i = 0; S_ISCHR(node->st_mode) && i < doctor->profile.disk_count; i++) {
		if (stat(doctor->profile.disks[i].path, &own) == 0 && S_ISCHR(own.st_mode) &&
		    own.st_rdev == node->st_rdev)
			return true;
	}
	return false;
}

static void check_journal(struct gmi_doctor *doctor)
{
	const char *path = doctor->profile.journal;
	char place[256];
	struct stat node;
	uint32_t disk;

	if (!path[0]) {
		gmi_doctor_find(doctor, GMI_SEVERITY_NOTE, "no journal for restores");
		gmi_doctor_advise(doctor,
				  "Nothing to do at this version; a later one finishes a restore "
				  "by it after a power cut.");
		return;
	}
	parent(path, place);
	if (stat(path, &node) == 0)
		snprintf(place, sizeof(place), "%s", path);
	else if (stat(place, &node) < 0 && gmi_doctor_is_forbidden(errno)) {
		gmi_doctor_unseen(doctor, "journal: %s cannot be looked at", path);
		return;
	} else if (stat(place, &node) < 0) {
		gmi_doctor_find(doctor, GMI_SEVERITY_PROBLEM, "journal: its folder %s is not there",
				place);
		gmi_doctor_advise(doctor, "Make the folder, or name another place in [restore] "
					  "journal.");
		return;
	}
	if (gmi_doctor_is_on_disk(doctor, place, &disk) || is_flash_of_the_profile(doctor, &node)) {
		gmi_doctor_find(doctor, GMI_SEVERITY_PROBLEM,
				"journal: %s lies on a disk that a restore overwrites", path);
		gmi_doctor_advise(doctor, "Name a place outside the profile's disks.");
		return;
	}
	if (!S_ISBLK(node.st_mode) && !S_ISCHR(node.st_mode) && lies_in_memory(place)) {
		gmi_doctor_find(doctor, GMI_SEVERITY_PROBLEM,
				"journal: %s lies in memory, and would be gone after a power cut",
				path);
		gmi_doctor_advise(doctor, "Name a place that outlives it.");
		return;
	}
	if (check_writable(doctor, "journal", place))
		gmi_doctor_find(doctor, GMI_SEVERITY_OK, "journal: %s can be used", path);
}

void gmi_doctor_check_places(struct gmi_doctor *doctor)
{
	check_lock(doctor);
	check_runtime(doctor);
	check_journal(doctor);
}
