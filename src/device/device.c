#include "device/device.h"

#include "device/hooks.h"

#include <stdio.h>
#include <string.h>

int gmi_device_open(struct gmi_device *device, const struct gmi_profile *profile,
		    enum gmi_device_access access, struct gmi_error *err)
{
	memset(device, 0, sizeof(*device));
	device->profile = profile;
	if (gmi_identity_read(profile, &device->identity, err) < 0)
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
	}
	return 0;
}

void gmi_device_close(struct gmi_device *device)
{
	for (uint32_t i = 0; i < device->disk_count; i++)
		gmi_disk_close(device->disks[i]);
	device->disk_count = 0;
}

int gmi_device_check_idle(const struct gmi_profile *profile, char program[64],
			  struct gmi_error *err)
{
	char output[GMI_HOOK_OUTPUT];
	int status;

	program[0] = '\0';
	if (!profile->hooks.busy[0])
		return 0;
	if (gmi_hook_run(profile, "busy", profile->hooks.busy, output, &status, err) < 0)
		return -1;
	if (status == 0)
		return 0;
	if (status != 1)
		return gmi_fail(err, GMI_E_HOOK,
				"hook busy failed with status %d, so it is not known whether a "
				"program runs%s%s",
				status, *output ? ": " : "", output);
	snprintf(program, 64, "%s", *output ? output : "a program");
	return gmi_fail(err, GMI_E_PROGRAM_RUNS, "the device is running %s", program);
}

static int run(const struct gmi_profile *profile, const char *name, const char *command,
	       struct gmi_error *err)
{
	char output[GMI_HOOK_OUTPUT];
	int status;

	if (!command[0])
		return 0;
	if (gmi_hook_run(profile, name, command, output, &status, err) < 0)
		return -1;
	if (status != 0)
		return gmi_fail(err, GMI_E_HOOK, "hook %s failed with status %d%s%s", name, status,
				*output ? ": " : "", output);
	return 0;
}

int gmi_device_quiesce(struct gmi_device *device, struct gmi_error *err)
{
	const struct gmi_profile *profile = device->profile;
	struct gmi_error ignored;

	if (run(profile, "quiesce", profile->hooks.quiesce, err) < 0) {
		/* It may have stopped half of the services: bring back what it stopped. */
		if (run(profile, "release", profile->hooks.release, &ignored) < 0)
			gmi_error_prefix(err, "%s; then", ignored.message);
		return -1;
	}
	device->quiesced = true;
	return 0;
}

int gmi_device_release(struct gmi_device *device, struct gmi_error *err)
{
	device->quiesced = false;
	return run(device->profile, "release", device->profile->hooks.release, err);
}

int gmi_device_restart(const struct gmi_profile *profile, struct gmi_error *err)
{
	if (!profile->hooks.restart[0])
		return gmi_fail(err, GMI_E_HOOK,
				"the profile has no restart hook: restart the device by hand");
	return run(profile, "restart", profile->hooks.restart, err);
}
