#include "doctor/doctor.h"

#include "base/text.h"
#include "doctor/checks.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* ---- words ---- */

const char *gmi_severity_name(enum gmi_severity severity)
{
	static const char *const names[GMI_SEVERITY_COUNT] = {
		[GMI_SEVERITY_OK] = "ok",
		[GMI_SEVERITY_NOTE] = "note",
		[GMI_SEVERITY_WARNING] = "warning",
		[GMI_SEVERITY_PROBLEM] = "problem",
	};

	return names[severity];
}

static const struct {
	const char *name;
	const char *title;
} groups[GMI_FINDING_GROUP_COUNT] = {
	[GMI_FINDING_DEVICE] = { "device", "Device" },
	[GMI_FINDING_DISKS] = { "disks", "Disks" },
	[GMI_FINDING_VOLUMES] = { "volumes", "Volumes" },
	[GMI_FINDING_MOUNTS] = { "mounts", "Mounted filesystems" },
	[GMI_FINDING_RESTORE] = { "restore", "During a restore" },
	[GMI_FINDING_HOOKS] = { "hooks", "Hooks" },
	[GMI_FINDING_PLACES] = { "places", "Files and folders of gmi" },
	[GMI_FINDING_MACHINE] = { "machine", "Machine" },
	[GMI_FINDING_NETWORK] = { "network", "Network" },
};

const char *gmi_finding_group_name(enum gmi_finding_group group)
{
	return groups[group].name;
}

const char *gmi_finding_group_title(enum gmi_finding_group group)
{
	return groups[group].title;
}

/* ---- findings ---- */

static void find(struct gmi_doctor *doctor, enum gmi_severity severity, const char *format,
		 va_list args)
{
	struct gmi_finding *finding;

	doctor->counts[severity]++;
	/* Full: the last one gives way, so that an advice never meets another finding. */
	if (doctor->finding_count == GMI_FINDINGS_MAX)
		doctor->finding_count--;
	finding = &doctor->findings[doctor->finding_count++];
	memset(finding, 0, sizeof(*finding));
	finding->group = doctor->group;
	finding->severity = severity;
	vsnprintf(finding->what, sizeof(finding->what), format, args);
	gmi_text_clean(finding->what);
}

void gmi_doctor_find(struct gmi_doctor *doctor, enum gmi_severity severity, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	find(doctor, severity, format, args);
	va_end(args);
}

void gmi_doctor_advise(struct gmi_doctor *doctor, const char *format, ...)
{
	struct gmi_finding *finding = &doctor->findings[doctor->finding_count - 1];
	va_list args;

	va_start(args, format);
	vsnprintf(finding->next, sizeof(finding->next), format, args);
	va_end(args);
	gmi_text_clean(finding->next);
}

void gmi_doctor_unseen(struct gmi_doctor *doctor, const char *format, ...)
{
	va_list args;

	doctor->unseen++;
	va_start(args, format);
	find(doctor, GMI_SEVERITY_NOTE, format, args);
	va_end(args);
	gmi_doctor_advise(doctor, "Run gmi doctor as root.");
}

enum gmi_severity gmi_doctor_worst(const struct gmi_doctor *doctor)
{
	enum gmi_severity worst = GMI_SEVERITY_OK;

	for (int i = 0; i < GMI_SEVERITY_COUNT; i++) {
		if (doctor->counts[i])
			worst = (enum gmi_severity)i;
	}
	return worst;
}

/* ---- looking ---- */

bool gmi_doctor_is_forbidden(int sys)
{
	return (sys == EACCES || sys == EPERM) && geteuid() != 0;
}

FILE *gmi_doctor_open(const struct gmi_doctor *doctor, const char *path)
{
	char whole[PATH_MAX];

	snprintf(whole, sizeof(whole), "%s%s", doctor->root, path);
	return fopen(whole, "re");
}

bool gmi_doctor_read_line(const struct gmi_doctor *doctor, char *line, size_t size,
			  const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;
	FILE *file;
	bool read;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	file = gmi_doctor_open(doctor, path);
	if (!file)
		return false;
	read = fgets(line, (int)size, file) != NULL;
	fclose(file);
	line[read ? strcspn(line, "\n") : 0] = '\0';
	return read;
}

bool gmi_doctor_sees_all_disks(const struct gmi_doctor *doctor)
{
	return doctor->device.disk_count == doctor->profile.disk_count;
}

bool gmi_doctor_is_on_disk(const struct gmi_doctor *doctor, const char *path, uint32_t *disk)
{
	struct stat file;

	if (stat(path, &file) < 0)
		return false;
	/* By its mount first: btrfs shows a device number that sysfs does not know. */
	for (uint32_t i = 0; i < doctor->mounts.count; i++) {
		if (doctor->mounts.list[i].device == file.st_dev) {
			*disk = doctor->mounts.list[i].disk;
			return true;
		}
	}
	return gmi_mounts_disk_of(doctor->device.disks, doctor->device.disk_count,
				  S_ISBLK(file.st_mode) ? file.st_rdev : file.st_dev, disk);
}

const struct gmi_mount *gmi_doctor_at_work(const struct gmi_doctor *doctor,
					   const struct gmi_volume *volume)
{
	for (uint32_t i = 0; i < doctor->mounts.count; i++) {
		const struct gmi_mount *mount = &doctor->mounts.list[i];

		if (mount->disk == volume->disk && mount->direct &&
		    mount->start == volume->offset && !mount->read_only)
			return mount;
	}
	return NULL;
}

/* ---- the whole examination ---- */

static void check_profile(struct gmi_doctor *doctor, const char *path)
{
	struct gmi_error err;
	struct stat file;

	if (gmi_profile_load(&doctor->profile, path, &err) < 0) {
		gmi_doctor_find(doctor, GMI_SEVERITY_PROBLEM, "%s", err.message);
		gmi_doctor_advise(
			doctor,
			gmi_doctor_is_forbidden(err.sys)
				? "Run gmi doctor as root."
				: "Correct the profile: docs/profile.md explains every key.");
		return;
	}
	doctor->loaded = true;
	doctor->device.profile = &doctor->profile;
	gmi_doctor_find(doctor, GMI_SEVERITY_OK, "the profile is understood");
	if (stat(doctor->profile.path, &file) == 0 && (file.st_mode & S_IWOTH)) {
		gmi_doctor_find(
			doctor, GMI_SEVERITY_WARNING,
			"everybody may change the profile, and gmid runs its hooks as root");
		gmi_doctor_advise(doctor, "chmod o-w %s", doctor->profile.path);
	}
}

static void check_identity(struct gmi_doctor *doctor)
{
	struct gmi_identity *identity = &doctor->device.identity;
	struct gmi_error err;

	if (gmi_identity_read(&doctor->profile, identity, &err) < 0) {
		if (gmi_doctor_is_forbidden(err.sys)) {
			gmi_doctor_unseen(doctor, "%s", err.message);
			return;
		}
		gmi_doctor_find(doctor, GMI_SEVERITY_PROBLEM, "%s", err.message);
		gmi_doctor_advise(doctor, "Correct [device] in the profile, or the file that it "
					  "names: nothing starts without.");
		return;
	}
	doctor->identified = true;
	gmi_doctor_find(doctor, GMI_SEVERITY_OK, "device %s%s%s", identity->id,
			identity->model[0] ? ", " : "", identity->model);
	if (identity->software[0]) {
		gmi_doctor_find(doctor, GMI_SEVERITY_OK, "software %s", identity->software);
		return;
	}
	gmi_doctor_find(doctor, GMI_SEVERITY_NOTE, "the software version is not known");
	gmi_doctor_advise(doctor, "Add software = file:PATH to [device]: the page shows it, and "
				  "each backup notes it.");
}

static void find_mounts(struct gmi_doctor *doctor)
{
	struct gmi_error err;

	if (gmi_mounts_find(&doctor->mounts, doctor->device.disks, doctor->device.disk_count,
			    &err) == 0)
		return;
	gmi_doctor_find(doctor, GMI_SEVERITY_PROBLEM, "%s", err.message);
	gmi_doctor_advise(doctor, "Without it gmi cannot tell what has to come to rest: is /proc "
				  "mounted?");
}

void gmi_doctor_examine(struct gmi_doctor *doctor, const char *profile_path)
{
	static const struct {
		enum gmi_finding_group group;
		void (*check)(struct gmi_doctor *doctor);
	} checks[] = {
		{ GMI_FINDING_DEVICE, check_identity },
		{ GMI_FINDING_DISKS, gmi_doctor_check_disks },
		{ GMI_FINDING_DISKS, gmi_doctor_check_other_disks },
		{ GMI_FINDING_DISKS, find_mounts },
		{ GMI_FINDING_VOLUMES, gmi_doctor_check_volumes },
		{ GMI_FINDING_MOUNTS, gmi_doctor_check_mounts },
		{ GMI_FINDING_MOUNTS, gmi_doctor_check_swap },
		{ GMI_FINDING_RESTORE, gmi_doctor_check_restore },
		{ GMI_FINDING_HOOKS, gmi_doctor_check_hooks },
		{ GMI_FINDING_PLACES, gmi_doctor_check_places },
		{ GMI_FINDING_MACHINE, gmi_doctor_check_machine },
		{ GMI_FINDING_NETWORK, gmi_doctor_check_network },
	};

	doctor->group = GMI_FINDING_DEVICE;
	check_profile(doctor, profile_path);
	for (size_t i = 0; doctor->loaded && i < sizeof(checks) / sizeof(checks[0]); i++) {
		doctor->group = checks[i].group;
		checks[i].check(doctor);
	}
}

int gmi_doctor_new(struct gmi_doctor **out, const char *root, struct gmi_error *err)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for the findings");
	(*out)->root = root;
	return 0;
}

void gmi_doctor_free(struct gmi_doctor *doctor)
{
	if (!doctor)
		return;
	gmi_mounts_release(&doctor->mounts);
	gmi_layout_release(&doctor->layout);
	gmi_device_close(&doctor->device);
	free(doctor);
}
