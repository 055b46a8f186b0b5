/* What the disks hold: every byte is in one volume, and what of it would be read. */
#include "doctor/checks.h"

#include "base/text.h"

#include <inttypes.h>
#include <string.h>

static bool is_filesystem(const struct gmi_volume *volume)
{
	static const char *const others[] = { "", "table", "gap", "raw", "swap" };

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (strcmp(volume->content, others[i]) == 0)
			return false;
	}
	return true;
}

static void check_volume(struct gmi_doctor *doctor, const struct gmi_volume *volume)
{
	const struct gmi_mount *mount = gmi_doctor_at_work(doctor, volume);
	const char *why = volume->note;

	/* Not at rest because the device works: a backup sees to that. */
	if (mount) {
		gmi_doctor_find(doctor, GMI_SEVERITY_OK,
				"volume %s (%s) is at work, mounted on %s: a backup brings it to "
				"rest first",
				volume->name, volume->content, mount->point);
		return;
	}
	if (!why[0] && is_filesystem(volume) && gmi_extents_total(&volume->used) == volume->length)
		why = "stored whole: gmi cannot tell what this filesystem uses";
	if (!why[0])
		return;
	gmi_doctor_find(doctor, GMI_SEVERITY_NOTE, "volume %s (%s) is %s", volume->name,
			volume->content, why);
	gmi_doctor_advise(doctor,
			  "Nothing is lost by that: only the backup is larger than it could "
			  "be.");
}

/* A later version keeps there what it is about to restore, so that a power cut does no harm. */
static void check_free_space(struct gmi_doctor *doctor, uint32_t disk)
{
	uint64_t length = doctor->device.disks[disk]->length;
	uint64_t free = 0;

	for (uint32_t i = 0; i < doctor->layout.count; i++) {
		const struct gmi_volume *volume = &doctor->layout.volumes[i];

		if (volume->disk == disk)
			free += volume->length - gmi_extents_total(&volume->used);
	}
	if (free > 0) {
		gmi_doctor_find(doctor, GMI_SEVERITY_OK,
				"disk %s: %s (%" PRIu64
				" %%) are in use by no filesystem", /* as of now */
				doctor->device.disks[disk]->name, gmi_text_bytes(free).text,
				(uint64_t)((double)free * 100 / (double)length));
		return;
	}
	gmi_doctor_find(doctor, GMI_SEVERITY_NOTE, "disk %s has no space that is known to be free",
			doctor->device.disks[disk]->name);
	gmi_doctor_advise(doctor,
			  "Nothing to do at this version; a later one will keep there what it "
			  "restores until all of it has arrived.");
}

static void tell_cover(struct gmi_doctor *doctor, uint32_t disk)
{
	const char *table = doctor->layout.tables[disk];
	uint32_t volumes = 0;

	for (uint32_t i = 0; i < doctor->layout.count; i++)
		volumes += doctor->layout.volumes[i].disk == disk;
	gmi_doctor_find(doctor, GMI_SEVERITY_OK, "disk %s: every byte is in %s %u %s (%s%s)",
			doctor->device.disks[disk]->name, volumes == 1 ? "its" : "one of", volumes,
			volumes == 1 ? "volume" : "volumes",
			strcmp(table, "none") == 0 ? "no partition table" : "partition table ",
			strcmp(table, "none") == 0 ? "" : table);
}

/*
 * A volume at work would be stored whole if it were read now; when it has come to rest it will be
 * about what a glance shows.
 */
static int scan(struct gmi_doctor *doctor, struct gmi_error *err)
{
	struct gmi_disk *const *disks = doctor->device.disks;
	uint32_t count = doctor->device.disk_count;
	struct gmi_layout *layout = &doctor->layout;
	struct gmi_layout glance;

	if (gmi_layout_scan(layout, disks, count, GMI_SCAN_USED, err) < 0 ||
	    gmi_layout_scan(&glance, disks, count, GMI_SCAN_GLANCE, err) < 0)
		return -1;
	for (uint32_t i = 0; i < layout->count && layout->count == glance.count; i++) {
		struct gmi_extents used = layout->volumes[i].used;

		if (!gmi_doctor_at_work(doctor, &layout->volumes[i]))
			continue;
		layout->volumes[i].used = glance.volumes[i].used;
		glance.volumes[i].used = used;
		layout->volumes[i].note[0] = '\0';
	}
	gmi_layout_release(&glance);
	return 0;
}

void gmi_doctor_check_volumes(struct gmi_doctor *doctor)
{
	struct gmi_error err;

	if (doctor->device.disk_count == 0)
		return;
	if (scan(doctor, &err) < 0) {
		gmi_doctor_find(doctor, GMI_SEVERITY_PROBLEM, "%s", err.message);
		gmi_doctor_advise(doctor,
				  "A backup would fail in the same way: look at this disk.");
		return;
	}
	for (uint32_t i = 0; i < doctor->device.disk_count; i++) {
		tell_cover(doctor, i);
		for (uint32_t j = 0; j < doctor->layout.count; j++) {
			if (doctor->layout.volumes[j].disk == i)
				check_volume(doctor, &doctor->layout.volumes[j]);
		}
		if (!doctor->device.disks[i]->flash)
			check_free_space(doctor, i);
	}
}
