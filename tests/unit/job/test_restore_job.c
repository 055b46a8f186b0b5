/* Restores as a server sees them, with clients that send what is wanted. */
#include "../unit.h"

#include "support/service_bench.h"
#include "support/storage_scratch.h"

#include <stdlib.h>
#include <string.h>

static void a_restore_brings_the_device_back(void **state)
{
	struct gmi_device_view device;
	struct gmi_job_view view;
	struct service_bench bench;
	struct gmi_error err;

	(void)state;
	service_begin(&bench, 60);
	service_download(&bench);
	storage_shell("debugfs -w -R 'rm a' emmc.img && head -c 1M /dev/urandom > flash.img &&"
		      ": > log");
	view = service_restore(&bench);
	assert_int_equal(view.state, GMI_JOB_SUCCEEDED);
	assert_int_equal(view.device, GMI_DEVICE_RESTORED);
	assert_int_equal(view.figures.bytes_verified, view.figures.bytes_changed);
	assert_true(view.figures.bytes_written >= SERVICE_FLASH);
	storage_shell("cmp flash.img flash.good && e2fsck -fn emmc.img &&"
		      "debugfs -R 'dump a back' emmc.img && cmp tree/a back");
	/* It stays quiesced until it is restarted. */
	service_assert_log("quiesce\n");
	assert_gmi_ok(gmi_service_device(bench.service, &device, &err), &err);
	assert_true(device.needs_restart);
	assert_false(device.incomplete);
	assert_gmi_ok(gmi_service_restart(bench.service, &err), &err);
	assert_gmi_ok(gmi_service_device(bench.service, &device, &err), &err);
	assert_false(device.needs_restart);
	service_assert_log("quiesce\nrestart\n");
	service_end(&bench);
}

/* Whether a program could start now. */
static bool program_may_start(void)
{
	return storage_shell_status("flock -s -n lock true") == 0;
}

static void between_a_restore_and_the_restart_nothing_begins(void **state)
{
	struct gmi_backup_request request = { 0 };
	struct service_bench bench;
	struct gmi_error err;
	struct gmi_job *job;

	(void)state;
	service_begin(&bench, 60);
	service_download(&bench);
	assert_true(program_may_start());
	storage_shell("head -c 1M /dev/urandom > flash.img");
	assert_int_equal(service_restore(&bench).state, GMI_JOB_SUCCEEDED);
	assert_int_equal(gmi_service_start_backup(bench.service, &request, &job, &err), -1);
	assert_int_equal(err.code, GMI_E_RESTART);
	assert_string_equal(err.message, "the device was restored and has to be restarted first");
	assert_int_equal(gmi_service_start_restore(bench.service, "x", 5, &job, &err), -1);
	assert_int_equal(err.code, GMI_E_RESTART);
	assert_int_equal(gmi_service_device_state(bench.service), GMI_DEVICE_RESTORED);
	/* Nor does a program, not even one that has waited for the job's end. */
	assert_false(program_may_start());

	assert_gmi_ok(gmi_service_restart(bench.service, &err), &err);
	assert_true(program_may_start());
	assert_int_equal(gmi_service_device_state(bench.service), GMI_DEVICE_UNCHANGED);
	service_download(&bench);
	service_end(&bench);
}

static void a_restart_that_fails_leaves_the_device_as_it_is(void **state)
{
	struct service_bench bench;
	struct gmi_error err;

	(void)state;
	service_begin(&bench, 60);
	service_download(&bench);
	storage_shell("head -c 1M /dev/urandom > flash.img");
	service_restore(&bench);
	strcpy(bench.profile.hooks.restart, "exit 1");
	assert_int_equal(gmi_service_restart(bench.service, &err), -1);
	assert_int_equal(err.code, GMI_E_HOOK);
	assert_int_equal(gmi_service_device_state(bench.service), GMI_DEVICE_RESTORED);
	assert_false(program_may_start());
	service_end(&bench);
	assert_true(program_may_start());
}

static void a_restore_of_an_unchanged_device_needs_no_restart(void **state)
{
	struct gmi_device_view device;
	struct gmi_job_view view;
	struct service_bench bench;
	struct gmi_error err;

	(void)state;
	service_begin(&bench, 60);
	service_download(&bench);
	storage_shell(": > log");
	view = service_restore(&bench);
	assert_int_equal(view.state, GMI_JOB_SUCCEEDED);
	assert_int_equal(view.figures.bytes_written, 0);
	assert_gmi_ok(gmi_service_device(bench.service, &device, &err), &err);
	assert_false(device.needs_restart);
	service_assert_log("quiesce\nrelease\n");
	storage_shell("cmp flash.img flash.good && cmp emmc.img emmc.good");
	service_end(&bench);
}

static void a_file_that_is_no_backup_touches_nothing(void **state)
{
	struct gmi_job_view view;
	struct service_bench bench;

	(void)state;
	service_begin(&bench, 60);
	bench.length = 100000;
	bench.file = calloc(bench.length, 1);
	view = service_restore(&bench);
	assert_int_equal(view.state, GMI_JOB_FAILED);
	assert_int_equal(view.error.code, GMI_E_NOT_GMI);
	assert_int_equal(view.device, GMI_DEVICE_UNCHANGED);
	service_assert_log("");
	storage_shell("cmp flash.img flash.good && cmp emmc.img emmc.good");
	service_end(&bench);
}

static void a_client_that_never_sends_ends_the_restore(void **state)
{
	struct service_bench bench;
	struct gmi_error err;

	(void)state;
	service_begin(&bench, 1);
	bench.length = 100000;
	service_start_restore(&bench);
	assert_int_equal(gmi_job_stream_open(bench.job, &err), -1);
	assert_int_equal(err.code, GMI_E_CONFLICT);
	service_expect_failed(&bench, GMI_E_CLIENT, "has not sent anything for 1 seconds");
	service_assert_log("");
	service_end(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_restore_brings_the_device_back),
		cmocka_unit_test(between_a_restore_and_the_restart_nothing_begins),
		cmocka_unit_test(a_restart_that_fails_leaves_the_device_as_it_is),
		cmocka_unit_test(a_restore_of_an_unchanged_device_needs_no_restart),
		cmocka_unit_test(a_file_that_is_no_backup_touches_nothing),
		cmocka_unit_test(a_client_that_never_sends_ends_the_restore),
	};

	return cmocka_run_group_tests_name("job/restore_job", tests, service_make_images, NULL);
}
