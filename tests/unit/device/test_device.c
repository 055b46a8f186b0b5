/* Identity, hooks, and the device that a profile describes. */
#include "../unit.h"

#include "device/device.h"
#include "device/hooks.h"
#include "support/device_profile.h"
#include "support/storage_scratch.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A profile without hooks, to run commands in. */
static void plain_profile(struct gmi_profile *profile)
{
	device_load_profile(profile, "[device]\nid = bb1\n[disk emmc]\npath = emmc.img\n");
}

/* ---- identity ---- */

static int read_identity(struct gmi_identity *identity, const char *device, struct gmi_error *err)
{
	struct gmi_profile profile;

	device_load_profile(&profile, "[device]\n%s\n[disk emmc]\npath = emmc.img\n", device);
	return gmi_identity_read(&profile, identity, err);
}

static void identity_is_a_value_or_a_files_first_line(void **state)
{
	struct gmi_identity identity;
	struct gmi_error err;

	(void)state;
	storage_save("hostname", "  bb2241039 \r\nsecond line\n", 27);
	storage_save("version", "v2026.02\tbeta", 13);
	assert_gmi_ok(read_identity(&identity,
				    "id = file:hostname\nmodel = Bacto Box\n"
				    "software = file:version",
				    &err),
		      &err);
	assert_string_equal(identity.id, "bb2241039");
	assert_string_equal(identity.model, "Bacto Box");
	assert_string_equal(identity.software, "v2026.02 beta");
}

static void ids_that_cannot_be_file_names_are_refused(void **state)
{
	static const char *const wrong[] = { "a/b", "../x", ".hidden", "-x", "a b", "caf\303\251" };
	struct gmi_identity identity;
	char device[128];
	struct gmi_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(device, sizeof(device), "id = %s", wrong[i]);
		assert_int_equal(read_identity(&identity, device, &err), -1);
		assert_int_equal(err.code, GMI_E_PROFILE);
		assert_non_null(strstr(err.message, wrong[i]));
	}
	storage_save("hostname", "\n", 1);
	assert_int_equal(read_identity(&identity, "id = file:hostname", &err), -1);
	assert_int_equal(read_identity(&identity, "id = file:nowhere", &err), -1);
	assert_non_null(strstr(err.message, "the device's id: "));
	assert_non_null(strstr(err.message, "nowhere: cannot open"));
	snprintf(device, sizeof(device), "id = %050d%014d", 1, 1);
	assert_int_equal(read_identity(&identity, device, &err), -1);
	assert_non_null(strstr(err.message, "is longer than 63 characters"));
}

/* ---- hooks ---- */

static void run_hook(const char *command, int wanted_status, const char *wanted_output)
{
	struct gmi_profile profile;
	char output[GMI_HOOK_OUTPUT];
	struct gmi_error err;
	int status;

	plain_profile(&profile);
	assert_gmi_ok(gmi_hook_run(&profile, "test", command, NULL, output, &status, &err), &err);
	assert_int_equal(status, wanted_status);
	assert_string_equal(output, wanted_output);
}

static void a_hooks_status_and_first_line_are_told(void **state)
{
	(void)state;
	run_hook("exit 0", 0, "");
	run_hook("echo Measure; echo more; exit 1", 1, "Measure");
	run_hook("echo oops >&2; exit 77", 77, "oops");
	run_hook("exit 255", 255, "");
	run_hook("kill -TERM $$", 128 + SIGTERM, "");
	run_hook("no-such-program-anywhere 2>/dev/null", 127, "");
	run_hook("printf 'caf\\351 \\033[31mred'", 0, "caf?  [31mred");
}

static void a_hook_runs_in_the_profiles_folder_and_knows_it(void **state)
{
	char wanted[300];

	(void)state;
	run_hook("pwd", 0, storage_scratch());
	snprintf(wanted, sizeof(wanted), "%s/profile.ini", storage_scratch());
	run_hook("echo $GMI_PROFILE", 0, wanted);
	run_hook("read line || echo no input", 0, "no input");
}

static void a_hooks_output_is_bounded(void **state)
{
	char wanted[GMI_HOOK_OUTPUT];

	(void)state;
	memset(wanted, 'x', sizeof(wanted));
	wanted[GMI_HOOK_OUTPUT - 1] = '\0';
	run_hook("head -c 3000000 /dev/zero | tr '\\0' x; exit 3", 3, wanted);
}

/* Signals that gmid ignores or blocks must not be so in what a hook starts. */
static void a_hook_gets_clean_signals(void **state)
{
	sigset_t blocked;
	sigset_t before;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	sigfillset(&blocked);
	sigprocmask(SIG_SETMASK, &blocked, &before);
	run_hook("kill -PIPE $$", 128 + SIGPIPE, "");
	run_hook("kill -TERM $$", 128 + SIGTERM, "");
	sigprocmask(SIG_SETMASK, &before, NULL);
	signal(SIGPIPE, SIG_DFL);
}

static bool is_alive(const char *pid_file)
{
	return storage_shell_status("kill -0 $(cat %s)", pid_file) == 0;
}

static void a_hook_that_takes_too_long_is_killed_with_all_its_children(void **state)
{
	struct gmi_profile profile;
	char output[GMI_HOOK_OUTPUT];
	struct gmi_error err;
	int status;

	(void)state;
	plain_profile(&profile);
	profile.hooks.timeout = 1;
	assert_int_equal(
		gmi_hook_run(&profile, "quiesce",
			     "trap '' TERM; sleep 1000 & echo $! > child; (trap '' TERM HUP;"
			     " sleep 1001 & echo $! > grandchild; wait) & wait",
			     NULL, output, &status, &err),
		-1);
	assert_int_equal(err.code, GMI_E_HOOK);
	assert_string_equal(err.message, "hook quiesce took longer than 1 seconds and was stopped");
	/* Killed is killed, but who reaps it is not our business. */
	for (int i = 0; i < 100 && (is_alive("child") || is_alive("grandchild")); i++)
		usleep(10000);
	assert_false(is_alive("child"));
	assert_false(is_alive("grandchild"));
}

static void a_service_that_a_hook_leaves_behind_is_left_alone(void **state)
{
	(void)state;
	run_hook("sleep 1000 & echo $! > service; echo started", 0, "started");
	assert_true(is_alive("service"));
	storage_shell("kill $(cat service)");
	/* One that goes on talking is not listened to. */
	run_hook("yes & echo $! > service; sleep 0.3", 0, "y");
	storage_shell("kill $(cat service) || true");
}

/* ---- the device ---- */

static void hooked_device(struct gmi_profile *profile, struct gmi_device *device, const char *hooks)
{
	struct gmi_error err;

	storage_make_file("emmc.img", 4096);
	storage_save("log", "", 0);
	device_load_profile(profile,
			    "[device]\nid = bb1\n[disk emmc]\npath = emmc.img\n[hooks]\n%s", hooks);
	assert_gmi_ok(gmi_device_open(device, profile, GMI_DEVICE_LOOK, &err), &err);
}

static void assert_log(const char *wanted)
{
	size_t length;
	char *log = (char *)storage_load("log", &length);

	assert_string_equal(log, wanted);
	free(log);
}

static void quiesce_and_release_follow_each_other(void **state)
{
	struct gmi_profile profile;
	struct gmi_device device;
	struct gmi_report report;
	struct gmi_error err;

	(void)state;
	assert_gmi_ok(gmi_report_init(&report, &err), &err);
	hooked_device(&profile, &device, "quiesce = echo q >> log\nrelease = echo r >> log\n");
	assert_false(device.quiesced);
	assert_gmi_ok(gmi_device_quiesce(&device, &report, &err), &err);
	assert_true(device.quiesced);
	assert_log("q\n");
	assert_gmi_ok(gmi_device_release(&device, &report, &err), &err);
	assert_false(device.quiesced);
	assert_log("q\nr\n");
	gmi_device_close(&device);
	gmi_report_release(&report);
}

static void a_quiesce_that_fails_half_way_is_undone(void **state)
{
	struct gmi_profile profile;
	struct gmi_device device;
	struct gmi_report report;
	struct gmi_error err;

	(void)state;
	assert_gmi_ok(gmi_report_init(&report, &err), &err);
	hooked_device(&profile, &device,
		      "quiesce = echo q >> log && echo no such service && exit 4\n"
		      "release = echo r >> log\n");
	assert_int_equal(gmi_device_quiesce(&device, &report, &err), -1);
	assert_int_equal(err.code, GMI_E_HOOK);
	assert_string_equal(err.message, "hook quiesce failed with status 4: no such service");
	assert_false(device.quiesced);
	assert_log("q\nr\n");
	gmi_device_close(&device);

	hooked_device(&profile, &device, "quiesce = exit 4\nrelease = exit 5\n");
	assert_int_equal(gmi_device_quiesce(&device, &report, &err), -1);
	assert_non_null(strstr(err.message, "hook quiesce failed with status 4"));
	assert_non_null(strstr(err.message, "hook release failed with status 5"));
	gmi_device_close(&device);
	gmi_report_release(&report);
}

static void without_a_restart_hook_it_is_done_by_hand(void **state)
{
	struct gmi_profile profile;
	struct gmi_error err;

	(void)state;
	plain_profile(&profile);
	assert_int_equal(gmi_device_restart(&profile, &err), -1);
	assert_int_equal(err.code, GMI_E_HOOK);
	strcpy(profile.hooks.restart, "exit 0");
	assert_gmi_ok(gmi_device_restart(&profile, &err), &err);
}

static void a_missing_disk_closes_those_that_were_opened(void **state)
{
	struct gmi_profile profile;
	struct gmi_device device;
	struct gmi_error err;

	(void)state;
	storage_make_file("emmc.img", 4096);
	device_load_profile(&profile, "[device]\nid = bb1\n[disk emmc]\npath = emmc.img\n"
				      "[disk sd]\npath = sd.img\n");
	assert_int_equal(gmi_device_open(&device, &profile, GMI_DEVICE_WRITE, &err), -1);
	assert_int_equal(err.code, GMI_E_LAYOUT);
	assert_non_null(strstr(err.message, "disk sd is missing"));
	assert_int_equal(device.disk_count, 0);
	/* The lock on the first one is gone. */
	storage_make_file("sd.img", 4096);
	assert_gmi_ok(gmi_device_open(&device, &profile, GMI_DEVICE_WRITE, &err), &err);
	assert_int_equal(device.disk_count, 2);
	gmi_device_close(&device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identity_is_a_value_or_a_files_first_line),
		cmocka_unit_test(ids_that_cannot_be_file_names_are_refused),
		cmocka_unit_test(a_hooks_status_and_first_line_are_told),
		cmocka_unit_test(a_hook_runs_in_the_profiles_folder_and_knows_it),
		cmocka_unit_test(a_hooks_output_is_bounded),
		cmocka_unit_test(a_hook_gets_clean_signals),
		cmocka_unit_test(a_hook_that_takes_too_long_is_killed_with_all_its_children),
		cmocka_unit_test(a_service_that_a_hook_leaves_behind_is_left_alone),
		cmocka_unit_test(quiesce_and_release_follow_each_other),
		cmocka_unit_test(a_quiesce_that_fails_half_way_is_undone),
		cmocka_unit_test(without_a_restart_hook_it_is_done_by_hand),
		cmocka_unit_test(a_missing_disk_closes_those_that_were_opened),
	};

	return cmocka_run_group_tests_name("device/device", tests, NULL, NULL);
}
