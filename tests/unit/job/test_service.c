/* Jobs as a server sees them: backups, and what keeps any job from beginning. */
#include "../unit.h"

#include "support/service_bench.h"
#include "support/storage_scratch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* ---- backups ---- */

static void a_backup_is_downloaded_and_the_device_released(void **state)
{
	struct gmi_report_line line;
	struct gmi_job_view view;
	struct service_bench bench;

	(void)state;
	service_begin(&bench, 60);
	service_download(&bench);
	gmi_job_view(bench.job, &view);
	assert_int_equal(view.kind, GMI_JOB_BACKUP);
	assert_true(view.id > 0);
	assert_int_equal(view.device, GMI_DEVICE_UNCHANGED);
	assert_int_equal(view.figures.file_bytes, bench.length);
	assert_in_range(view.figures.used_bytes, SERVICE_FLASH + 3000000,
			SERVICE_FLASH + SERVICE_EMMC);
	assert_memory_equal(view.file_name, "backup-of-bb1-", 14);
	service_assert_log("quiesce\nrelease\n");
	assert_true(gmi_job_line(bench.job, 0, &line));
	assert_string_equal(line.text, "Backup of bb1 begins");
	assert_null(gmi_job_pull(bench.job));
	service_end(&bench);
}

static void one_job_runs_at_a_time(void **state)
{
	struct gmi_backup_request request = { 0 };
	struct gmi_job *second;
	struct service_bench bench;
	struct gmi_error err;

	(void)state;
	service_begin(&bench, 60);
	service_start_backup(&bench);
	assert_int_equal(gmi_service_start_backup(bench.service, &request, &second, &err), -1);
	assert_int_equal(err.code, GMI_E_JOB_RUNS);
	assert_string_equal(err.message, "a backup is running");
	assert_null(second);
	assert_int_equal(gmi_service_start_restore(bench.service, "x", 5, &second, &err), -1);
	assert_int_equal(err.code, GMI_E_JOB_RUNS);
	assert_int_equal(gmi_service_restart(bench.service, &err), -1);
	assert_int_equal(err.code, GMI_E_JOB_RUNS);
	gmi_job_stream_close(bench.job, false);
	/* The way is free again. */
	service_download(&bench);
	service_assert_log("quiesce\nrelease\nquiesce\nrelease\n");
	service_end(&bench);
}

static void a_backup_is_sent_to_one_consumer_once(void **state)
{
	struct service_bench bench;
	struct gmi_error err;
	uint8_t data[1000];
	size_t length;

	(void)state;
	service_begin(&bench, 60);
	service_start_backup(&bench);
	assert_gmi_ok(gmi_job_stream_open(bench.job, &err), &err);
	assert_int_equal(gmi_job_stream_open(bench.job, &err), -1);
	assert_int_equal(err.code, GMI_E_CONFLICT);
	/* The consumer says that all went out, but not all was read. */
	assert_gmi_ok(gmi_job_stream_read(bench.job, data, sizeof(data), &length, &err), &err);
	gmi_job_stream_close(bench.job, true);
	service_expect_failed(&bench, GMI_E_CLIENT, "the download broke off");
	service_assert_log("quiesce\nrelease\n");
	assert_int_equal(gmi_job_stream_open(bench.job, &err), -1);
	assert_int_equal(gmi_job_stream_read(bench.job, data, sizeof(data), &length, &err), -1);
	/* The first end is the one that counts. */
	service_expect_failed(&bench, GMI_E_CLIENT, "the download broke off");
	service_end(&bench);
}

static void a_consumer_that_stalls_ends_the_backup(void **state)
{
	struct service_bench bench;
	struct gmi_error err;
	uint8_t data[1000];
	size_t length;

	(void)state;
	service_begin(&bench, 1);
	service_start_backup(&bench);
	assert_gmi_ok(gmi_job_stream_open(bench.job, &err), &err);
	assert_gmi_ok(gmi_job_stream_read(bench.job, data, sizeof(data), &length, &err), &err);
	service_expect_failed(&bench, GMI_E_CLIENT, "the download has not moved for 1 seconds");
	service_assert_log("quiesce\nrelease\n");
	/* It comes back too late. */
	assert_int_equal(gmi_job_stream_read(bench.job, data, sizeof(data), &length, &err), -1);
	gmi_job_stream_close(bench.job, false);
	service_expect_failed(&bench, GMI_E_CLIENT, "the download has not moved for 1 seconds");
	service_end(&bench);
}

static void a_download_that_never_begins_ends_the_backup(void **state)
{
	struct gmi_job_view view;
	struct service_bench bench;

	(void)state;
	service_begin(&bench, 1);
	service_start_backup(&bench);
	gmi_job_view(bench.job, &view);
	assert_true(view.waiting);
	service_expect_failed(&bench, GMI_E_CLIENT, "the download did not begin within 1 seconds");
	service_assert_log("quiesce\nrelease\n");
	service_end(&bench);
}

static void a_disk_that_shrinks_fails_the_backup_and_releases_the_device(void **state)
{
	struct service_bench bench;
	struct gmi_error err;
	uint8_t data[1000];
	size_t length;
	int result;

	(void)state;
	service_begin(&bench, 60);
	storage_shell("head -c 8M /dev/urandom > emmc.img");
	service_start_backup(&bench);
	storage_shell("truncate -s 6M emmc.img");
	assert_gmi_ok(gmi_job_stream_open(bench.job, &err), &err);
	do
		result = gmi_job_stream_read(bench.job, data, sizeof(data), &length, &err);
	while (result == 0 && length > 0);
	assert_int_equal(result, -1);
	gmi_job_stream_close(bench.job, false);
	service_expect_failed(&bench, GMI_E_SYSTEM, "volume emmc: disk emmc");
	service_assert_log("quiesce\nrelease\n");
	service_end(&bench);
}

/* ---- what keeps a job from beginning ---- */

static void while_a_program_runs_nothing_begins(void **state)
{
	struct gmi_backup_request request = { 0 };
	struct gmi_device_view device;
	struct gmi_job *job;
	struct service_bench bench;
	struct gmi_error err;

	(void)state;
	service_begin(&bench, 60);
	storage_save("program", "Measure\n", 8);
	assert_int_equal(gmi_service_start_backup(bench.service, &request, &job, &err), -1);
	assert_int_equal(err.code, GMI_E_PROGRAM_RUNS);
	assert_string_equal(err.message, "the device is running Measure");
	assert_int_equal(gmi_service_start_restore(bench.service, "x", 5, &job, &err), -1);
	assert_int_equal(err.code, GMI_E_PROGRAM_RUNS);
	assert_gmi_ok(gmi_service_device(bench.service, &device, &err), &err);
	assert_string_equal(device.program, "Measure");
	service_assert_log("");
	/* What the file holds is not the only way to be busy. */
	storage_shell("rm program; flock -s lock sleep 1000 > sleep.log 2>&1 & echo $! > pid; "
		      "while flock -x -n lock true; do sleep 0.01; done");
	assert_int_equal(gmi_service_start_backup(bench.service, &request, &job, &err), -1);
	assert_int_equal(err.code, GMI_E_PROGRAM_RUNS);
	storage_shell("kill $(cat pid) $(cat /proc/$(cat pid)/task/$(cat pid)/children)");
	assert_int_equal(gmi_service_find(bench.service, 0, &job, &err), -1);
	assert_int_equal(err.code, GMI_E_NOT_FOUND);
	service_end(&bench);
}

static void a_quiesce_that_fails_leaves_no_job(void **state)
{
	struct gmi_backup_request request = { 0 };
	struct gmi_job *job;
	struct service_bench bench;
	struct gmi_error err;

	(void)state;
	service_begin(&bench, 60);
	storage_save("broken", "", 0);
	assert_int_equal(gmi_service_start_backup(bench.service, &request, &job, &err), -1);
	assert_int_equal(err.code, GMI_E_HOOK);
	service_assert_log("quiesce\nrelease\n");
	storage_shell("rm broken");
	service_download(&bench);
	service_end(&bench);
}

/* ---- looking, finding, stopping ---- */

static void the_last_job_stays_until_the_next_begins(void **state)
{
	struct gmi_job_view view;
	struct gmi_job *found;
	struct service_bench bench;
	struct gmi_error err;
	uint64_t first;

	(void)state;
	service_begin(&bench, 60);
	service_download(&bench);
	assert_gmi_ok(gmi_service_find(bench.service, 0, &found, &err), &err);
	gmi_job_view(found, &view);
	first = view.id;
	gmi_job_put(found);
	assert_gmi_ok(gmi_service_find(bench.service, first, &found, &err), &err);
	gmi_job_view(found, &view);
	assert_int_equal(view.state, GMI_JOB_SUCCEEDED);
	gmi_job_put(found);
	service_download(&bench);
	assert_int_equal(gmi_service_find(bench.service, first, &found, &err), -1);
	assert_non_null(strstr(err.message, "there is no job "));
	assert_gmi_ok(gmi_service_find(bench.service, 0, &found, &err), &err);
	gmi_job_view(found, &view);
	assert_int_equal(view.id, first + 1);
	gmi_job_put(found);
	service_end(&bench);
}

static void the_device_is_described_with_an_estimate(void **state)
{
	struct gmi_device_view device;
	struct service_bench bench;
	struct gmi_error err;

	(void)state;
	service_begin(&bench, 60);
	assert_gmi_ok(gmi_service_device(bench.service, &device, &err), &err);
	assert_string_equal(device.id, "bb1");
	assert_string_equal(device.model, "Box");
	assert_string_equal(device.software, "v1");
	assert_int_equal(device.disk_count, 2);
	assert_string_equal(device.disks[1].name, "flash");
	assert_int_equal(device.total_bytes, SERVICE_EMMC + SERVICE_FLASH);
	assert_true(device.estimated);
	assert_in_range(device.file_bytes, 3500000, 5000000);
	assert_string_equal(device.program, "");
	service_end(&bench);
}

struct watcher {
	struct service_bench *bench;
	pthread_t thread;
	atomic_bool over;
	atomic_uint looks; /* counted without ordering anything, so that it hides no race */
};

static void *watch(void *context)
{
	struct watcher *watcher = context;
	struct gmi_service *service = watcher->bench->service;

	while (!atomic_load(&watcher->over)) {
		struct gmi_device_view device;
		struct gmi_report_line line;
		struct gmi_job_view view;
		struct gmi_error err;
		struct gmi_job *job;

		if (gmi_service_device(service, &device, &err) < 0 ||
		    gmi_service_find(service, 0, &job, &err) < 0)
			continue;
		gmi_job_view(job, &view);
		gmi_job_line(job, 0, &line);
		gmi_job_put(job);
		atomic_fetch_add_explicit(&watcher->looks, 1, memory_order_relaxed);
	}
	return NULL;
}

static void wait_for_looks(struct watcher *watcher)
{
	unsigned int seen = atomic_load_explicit(&watcher->looks, memory_order_relaxed);
	unsigned int now = seen;

	for (int tries = 0; now < seen + 2 && tries < 10000; tries++) {
		usleep(1000);
		now = atomic_load_explicit(&watcher->looks, memory_order_relaxed);
	}
	assert_true(now >= seen + 2);
}

/* Pages in several windows, while a backup and then a restore go on. */
static void anybody_may_look_while_it_works(void **state)
{
	struct service_bench bench;
	struct watcher watchers[2];

	(void)state;
	service_begin(&bench, 60);
	for (size_t i = 0; i < 2; i++) {
		watchers[i] = (struct watcher){ .bench = &bench };
		assert_int_equal(pthread_create(&watchers[i].thread, NULL, watch, &watchers[i]), 0);
	}
	service_start_backup(&bench);
	for (size_t i = 0; i < 2; i++)
		wait_for_looks(&watchers[i]);
	service_consume(&bench);
	storage_shell("head -c 1M /dev/urandom > flash.img");
	assert_int_equal(service_restore(&bench).state, GMI_JOB_SUCCEEDED);
	for (size_t i = 0; i < 2; i++) {
		atomic_store(&watchers[i].over, true);
		pthread_join(watchers[i].thread, NULL);
	}
	service_end(&bench);
}

static void stopping_the_service_ends_what_runs(void **state)
{
	struct service_bench bench;

	(void)state;
	service_begin(&bench, 60);
	service_start_backup(&bench);
	gmi_service_stop(bench.service);
	service_expect_failed(&bench, GMI_E_CANCELLED, "gmid was stopped");
	service_assert_log("quiesce\nrelease\n");
	service_end(&bench);

	service_begin(&bench, 60);
	bench.length = 100000;
	service_start_restore(&bench);
	gmi_service_stop(bench.service);
	service_expect_failed(&bench, GMI_E_CANCELLED, "cancelled");
	service_end(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_backup_is_downloaded_and_the_device_released),
		cmocka_unit_test(one_job_runs_at_a_time),
		cmocka_unit_test(a_backup_is_sent_to_one_consumer_once),
		cmocka_unit_test(a_consumer_that_stalls_ends_the_backup),
		cmocka_unit_test(a_download_that_never_begins_ends_the_backup),
		cmocka_unit_test(a_disk_that_shrinks_fails_the_backup_and_releases_the_device),
		cmocka_unit_test(while_a_program_runs_nothing_begins),
		cmocka_unit_test(a_quiesce_that_fails_leaves_no_job),
		cmocka_unit_test(the_last_job_stays_until_the_next_begins),
		cmocka_unit_test(the_device_is_described_with_an_estimate),
		cmocka_unit_test(anybody_may_look_while_it_works),
		cmocka_unit_test(stopping_the_service_ends_what_runs),
	};

	return cmocka_run_group_tests_name("job/service", tests, service_make_images, NULL);
}
