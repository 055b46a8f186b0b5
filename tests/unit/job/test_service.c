/* Jobs as a server sees them: a service over a device of image files, with hooks that keep a log.
 */
#include "../unit.h"

#include "job/job.h"
#include "support/device_profile.h"
#include "support/storage_random.h"
#include "support/storage_scratch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EMMC (8u << 20)
#define FLASH (1u << 20)

struct bench {
	struct gmi_profile profile;
	struct gmi_service *service;
	struct gmi_job *job;
	uint8_t *file; /* a backup, as it was received */
	size_t length;
};

static int make_images(void **state)
{
	struct storage_random random = { 1 };
	uint8_t *flash = malloc(FLASH);

	(void)state;
	storage_random_fill(&random, flash, FLASH);
	storage_save("flash.good", flash, FLASH);
	free(flash);
	storage_make_file("emmc.good", EMMC);
	storage_shell(
		"mkdir tree && head -c 3000000 /dev/urandom > tree/a && cp /etc/passwd tree &&"
		"mke2fs -q -F -t ext4 -d tree emmc.good");
	return 0;
}

static void bench_begin(struct bench *bench, unsigned int client_wait)
{
	struct gmi_error err;

	memset(bench, 0, sizeof(*bench));
	storage_shell(
		"cp emmc.good emmc.img && cp flash.good flash.img && : > log && rm -f program");
	device_load_profile(&bench->profile,
			    "[device]\nid = bb1\nmodel = Box\nsoftware = v1\n"
			    "[disk emmc]\npath = emmc.img\n"
			    "[disk flash]\npath = flash.img\ntype = flash\n"
			    "[hooks]\nbusy = ! cat program 2>/dev/null\n"
			    "quiesce = echo quiesce >> log && test ! -e broken\n"
			    "release = echo release >> log\nrestart = echo restart >> log\n"
			    "[service]\nclient_wait = %u\n",
			    client_wait);
	assert_gmi_ok(gmi_service_new(&bench->service, &bench->profile, &err), &err);
}

static void bench_end(struct bench *bench)
{
	gmi_service_stop(bench->service);
	gmi_job_put(bench->job);
	gmi_service_free(bench->service);
	free(bench->file);
}

static void assert_log(const char *wanted)
{
	size_t length;
	char *log = (char *)storage_load("log", &length);

	assert_string_equal(log, wanted);
	free(log);
}

static void start_backup(struct bench *bench)
{
	struct gmi_backup_request request = { 0 };
	struct gmi_error err;

	gmi_job_put(bench->job);
	assert_gmi_ok(gmi_service_start_backup(bench->service, &request, &bench->job, &err), &err);
}

static void start_restore(struct bench *bench)
{
	struct gmi_error err;

	gmi_job_put(bench->job);
	assert_gmi_ok(gmi_service_start_restore(bench->service, "b.gmi", bench->length, &bench->job,
						&err),
		      &err);
}

/* Waits for the job's end. */
static struct gmi_job_view end_of(struct bench *bench)
{
	struct gmi_job_view view;
	uint64_t seen = 0;

	for (int tries = 0; tries < 600; tries++) {
		gmi_job_view(bench->job, &view);
		if (view.state != GMI_JOB_RUNNING)
			return view;
		seen = gmi_job_wait(bench->job, seen, 100);
	}
	fail_msg("the job does not end");
	return view;
}

static void expect_failed(struct bench *bench, enum gmi_code code, const char *words)
{
	struct gmi_job_view view = end_of(bench);

	assert_int_equal(view.state, GMI_JOB_FAILED);
	assert_int_equal(view.error.code, code);
	if (!strstr(view.error.message, words))
		fail_msg("\"%s\" does not say \"%s\"", view.error.message, words);
	assert_true(view.ended >= view.started);
	assert_false(view.waiting);
}

/* Reads the backup that has begun into bench->file. */
static void consume(struct bench *bench)
{
	const void *data;
	size_t length;
	struct gmi_error err;

	free(bench->file);
	bench->file = NULL;
	bench->length = 0;
	assert_gmi_ok(gmi_job_stream_open(bench->job, &err), &err);
	for (;;) {
		assert_gmi_ok(gmi_job_stream_read(bench->job, &data, &length, &err), &err);
		if (length == 0)
			break;
		bench->file = realloc(bench->file, bench->length + length);
		memcpy(bench->file + bench->length, data, length);
		bench->length += length;
	}
	gmi_job_stream_close(bench->job, true);
	assert_int_equal(end_of(bench).state, GMI_JOB_SUCCEEDED);
}

static void download(struct bench *bench)
{
	start_backup(bench);
	consume(bench);
}

/* What a page does: asks what is wanted and sends it, until the restore has ended. */
static void *serve(void *context)
{
	struct bench *bench = context;
	struct gmi_pull_source *pull = gmi_job_pull(bench->job);
	struct gmi_job_view view;

	do {
		struct gmi_range ranges[4];
		struct gmi_error err;
		uint64_t ticket;
		size_t count;

		if (gmi_pull_source_wanted(pull, 50, ranges, 4, &count, &err) < 0)
			break;
		for (size_t i = 0; i < count; i++) {
			if (gmi_pull_source_receive_begin(pull, &ranges[i], &ticket, &err) < 0)
				continue;
			if (gmi_pull_source_receive(pull, ticket, bench->file + ranges[i].offset,
						    ranges[i].length, &err) == 0 &&
			    gmi_pull_source_receive_end(pull, ticket, true, &err) < 0)
				break;
		}
		gmi_job_view(bench->job, &view);
	} while (view.state == GMI_JOB_RUNNING);
	return NULL;
}

/* A whole restore from bench->file, by two clients' connections. */
static struct gmi_job_view restore(struct bench *bench)
{
	struct gmi_job_view view;
	pthread_t clients[2];

	start_restore(bench);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&clients[i], NULL, serve, bench), 0);
	view = end_of(bench);
	for (size_t i = 0; i < 2; i++)
		pthread_join(clients[i], NULL);
	return view;
}

/* ---- backups ---- */

static void a_backup_is_downloaded_and_the_device_released(void **state)
{
	struct gmi_report_line line;
	struct gmi_job_view view;
	struct bench bench;

	(void)state;
	bench_begin(&bench, 60);
	download(&bench);
	gmi_job_view(bench.job, &view);
	assert_int_equal(view.kind, GMI_JOB_BACKUP);
	assert_int_equal(view.id, 1);
	assert_int_equal(view.device, GMI_DEVICE_UNCHANGED);
	assert_int_equal(view.figures.file_bytes, bench.length);
	assert_in_range(view.figures.used_bytes, FLASH + 3000000, FLASH + EMMC);
	assert_memory_equal(view.file_name, "backup-of-bb1-", 14);
	assert_log("quiesce\nrelease\n");
	assert_true(gmi_job_line(bench.job, 0, &line));
	assert_string_equal(line.text, "Backup of bb1 begins");
	assert_null(gmi_job_pull(bench.job));
	bench_end(&bench);
}

static void one_job_runs_at_a_time(void **state)
{
	struct gmi_backup_request request = { 0 };
	struct gmi_job *second;
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench, 60);
	start_backup(&bench);
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
	download(&bench);
	assert_log("quiesce\nrelease\nquiesce\nrelease\n");
	bench_end(&bench);
}

static void a_backup_is_sent_to_one_consumer_once(void **state)
{
	struct bench bench;
	struct gmi_error err;
	const void *data;
	size_t length;

	(void)state;
	bench_begin(&bench, 60);
	start_backup(&bench);
	assert_gmi_ok(gmi_job_stream_open(bench.job, &err), &err);
	assert_int_equal(gmi_job_stream_open(bench.job, &err), -1);
	assert_int_equal(err.code, GMI_E_CLIENT);
	/* The consumer says that all went out, but not all was read. */
	assert_gmi_ok(gmi_job_stream_read(bench.job, &data, &length, &err), &err);
	gmi_job_stream_close(bench.job, true);
	expect_failed(&bench, GMI_E_CLIENT, "the download broke off");
	assert_log("quiesce\nrelease\n");
	assert_int_equal(gmi_job_stream_open(bench.job, &err), -1);
	assert_int_equal(gmi_job_stream_read(bench.job, &data, &length, &err), -1);
	/* The first end is the one that counts. */
	expect_failed(&bench, GMI_E_CLIENT, "the download broke off");
	bench_end(&bench);
}

static void a_consumer_that_stalls_ends_the_backup(void **state)
{
	struct bench bench;
	struct gmi_error err;
	const void *data;
	size_t length;

	(void)state;
	bench_begin(&bench, 1);
	start_backup(&bench);
	assert_gmi_ok(gmi_job_stream_open(bench.job, &err), &err);
	assert_gmi_ok(gmi_job_stream_read(bench.job, &data, &length, &err), &err);
	expect_failed(&bench, GMI_E_CLIENT, "the download has not moved for 1 seconds");
	assert_log("quiesce\nrelease\n");
	/* It comes back too late. */
	assert_int_equal(gmi_job_stream_read(bench.job, &data, &length, &err), -1);
	gmi_job_stream_close(bench.job, false);
	expect_failed(&bench, GMI_E_CLIENT, "the download has not moved for 1 seconds");
	bench_end(&bench);
}

static void a_download_that_never_begins_ends_the_backup(void **state)
{
	struct gmi_job_view view;
	struct bench bench;

	(void)state;
	bench_begin(&bench, 1);
	start_backup(&bench);
	gmi_job_view(bench.job, &view);
	assert_true(view.waiting);
	expect_failed(&bench, GMI_E_CLIENT, "the download did not begin within 1 seconds");
	assert_log("quiesce\nrelease\n");
	bench_end(&bench);
}

static void a_disk_that_shrinks_fails_the_backup_and_releases_the_device(void **state)
{
	struct bench bench;
	struct gmi_error err;
	const void *data;
	size_t length;
	int result;

	(void)state;
	bench_begin(&bench, 60);
	storage_shell("head -c 8M /dev/urandom > emmc.img");
	start_backup(&bench);
	storage_shell("truncate -s 6M emmc.img");
	assert_gmi_ok(gmi_job_stream_open(bench.job, &err), &err);
	do
		result = gmi_job_stream_read(bench.job, &data, &length, &err);
	while (result == 0 && length > 0);
	assert_int_equal(result, -1);
	gmi_job_stream_close(bench.job, false);
	expect_failed(&bench, GMI_E_SYSTEM, "volume emmc: disk emmc");
	assert_log("quiesce\nrelease\n");
	bench_end(&bench);
}

/* ---- what keeps a job from beginning ---- */

static void while_a_program_runs_nothing_begins(void **state)
{
	struct gmi_backup_request request = { 0 };
	struct gmi_device_view device;
	struct gmi_job *job;
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench, 60);
	storage_save("program", "Measure\n", 8);
	assert_int_equal(gmi_service_start_backup(bench.service, &request, &job, &err), -1);
	assert_int_equal(err.code, GMI_E_PROGRAM_RUNS);
	assert_string_equal(err.message, "the device is running Measure");
	assert_int_equal(gmi_service_start_restore(bench.service, "x", 5, &job, &err), -1);
	assert_int_equal(err.code, GMI_E_PROGRAM_RUNS);
	assert_gmi_ok(gmi_service_device(bench.service, &device, &err), &err);
	assert_string_equal(device.program, "Measure");
	assert_log("");
	assert_int_equal(gmi_service_find(bench.service, 0, &job, &err), -1);
	assert_int_equal(err.code, GMI_E_NOT_FOUND);
	bench_end(&bench);
}

static void a_quiesce_that_fails_leaves_no_job(void **state)
{
	struct gmi_backup_request request = { 0 };
	struct gmi_job *job;
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench, 60);
	storage_save("broken", "", 0);
	assert_int_equal(gmi_service_start_backup(bench.service, &request, &job, &err), -1);
	assert_int_equal(err.code, GMI_E_HOOK);
	assert_log("quiesce\nrelease\n");
	storage_shell("rm broken");
	download(&bench);
	bench_end(&bench);
}

/* ---- restores ---- */

static void a_restore_brings_the_device_back(void **state)
{
	struct gmi_device_view device;
	struct gmi_job_view view;
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench, 60);
	download(&bench);
	storage_shell("debugfs -w -R 'rm a' emmc.img && head -c 1M /dev/urandom > flash.img &&"
		      ": > log");
	view = restore(&bench);
	assert_int_equal(view.state, GMI_JOB_SUCCEEDED);
	assert_int_equal(view.device, GMI_DEVICE_RESTORED);
	assert_int_equal(view.figures.bytes_verified, view.figures.bytes_changed);
	assert_true(view.figures.bytes_written >= FLASH);
	storage_shell("cmp flash.img flash.good && e2fsck -fn emmc.img &&"
		      "debugfs -R 'dump a back' emmc.img && cmp tree/a back");
	/* It stays quiesced until it is restarted. */
	assert_log("quiesce\n");
	assert_gmi_ok(gmi_service_device(bench.service, &device, &err), &err);
	assert_true(device.needs_restart);
	assert_gmi_ok(gmi_service_restart(bench.service, &err), &err);
	assert_gmi_ok(gmi_service_device(bench.service, &device, &err), &err);
	assert_false(device.needs_restart);
	assert_log("quiesce\nrestart\n");
	bench_end(&bench);
}

static void a_restore_of_an_unchanged_device_needs_no_restart(void **state)
{
	struct gmi_device_view device;
	struct gmi_job_view view;
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench, 60);
	download(&bench);
	storage_shell(": > log");
	view = restore(&bench);
	assert_int_equal(view.state, GMI_JOB_SUCCEEDED);
	assert_int_equal(view.figures.bytes_written, 0);
	assert_gmi_ok(gmi_service_device(bench.service, &device, &err), &err);
	assert_false(device.needs_restart);
	assert_log("quiesce\nrelease\n");
	storage_shell("cmp flash.img flash.good && cmp emmc.img emmc.good");
	bench_end(&bench);
}

static void a_file_that_is_no_backup_touches_nothing(void **state)
{
	struct gmi_job_view view;
	struct bench bench;

	(void)state;
	bench_begin(&bench, 60);
	bench.length = 100000;
	bench.file = calloc(bench.length, 1);
	view = restore(&bench);
	assert_int_equal(view.state, GMI_JOB_FAILED);
	assert_int_equal(view.error.code, GMI_E_NOT_GMI);
	assert_int_equal(view.device, GMI_DEVICE_UNCHANGED);
	assert_log("");
	storage_shell("cmp flash.img flash.good && cmp emmc.img emmc.good");
	bench_end(&bench);
}

static void a_client_that_never_sends_ends_the_restore(void **state)
{
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench, 1);
	bench.length = 100000;
	start_restore(&bench);
	assert_int_equal(gmi_job_stream_open(bench.job, &err), -1);
	assert_int_equal(err.code, GMI_E_NOT_FOUND);
	expect_failed(&bench, GMI_E_CLIENT, "has not sent anything for 1 seconds");
	assert_log("");
	bench_end(&bench);
}

/* ---- looking, finding, stopping ---- */

static void the_last_job_stays_until_the_next_begins(void **state)
{
	struct gmi_job_view view;
	struct gmi_job *found;
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench, 60);
	download(&bench);
	assert_gmi_ok(gmi_service_find(bench.service, 1, &found, &err), &err);
	gmi_job_view(found, &view);
	assert_int_equal(view.state, GMI_JOB_SUCCEEDED);
	gmi_job_put(found);
	download(&bench);
	assert_int_equal(gmi_service_find(bench.service, 1, &found, &err), -1);
	assert_string_equal(err.message, "there is no job 1");
	assert_gmi_ok(gmi_service_find(bench.service, 0, &found, &err), &err);
	gmi_job_view(found, &view);
	assert_int_equal(view.id, 2);
	gmi_job_put(found);
	bench_end(&bench);
}

static void the_device_is_described_with_an_estimate(void **state)
{
	struct gmi_device_view device;
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench, 60);
	assert_gmi_ok(gmi_service_device(bench.service, &device, &err), &err);
	assert_string_equal(device.id, "bb1");
	assert_string_equal(device.model, "Box");
	assert_string_equal(device.software, "v1");
	assert_int_equal(device.disk_count, 2);
	assert_string_equal(device.disks[1].name, "flash");
	assert_int_equal(device.total_bytes, EMMC + FLASH);
	assert_true(device.estimated);
	assert_in_range(device.file_bytes, 3500000, 5000000);
	assert_string_equal(device.program, "");
	bench_end(&bench);
}

struct watcher {
	struct bench *bench;
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
	struct bench bench;
	struct watcher watchers[2];

	(void)state;
	bench_begin(&bench, 60);
	for (size_t i = 0; i < 2; i++) {
		watchers[i] = (struct watcher){ .bench = &bench };
		assert_int_equal(pthread_create(&watchers[i].thread, NULL, watch, &watchers[i]), 0);
	}
	start_backup(&bench);
	for (size_t i = 0; i < 2; i++)
		wait_for_looks(&watchers[i]);
	consume(&bench);
	storage_shell("head -c 1M /dev/urandom > flash.img");
	assert_int_equal(restore(&bench).state, GMI_JOB_SUCCEEDED);
	for (size_t i = 0; i < 2; i++) {
		atomic_store(&watchers[i].over, true);
		pthread_join(watchers[i].thread, NULL);
	}
	bench_end(&bench);
}

static void stopping_the_service_ends_what_runs(void **state)
{
	struct bench bench;

	(void)state;
	bench_begin(&bench, 60);
	start_backup(&bench);
	gmi_service_stop(bench.service);
	expect_failed(&bench, GMI_E_CANCELLED, "gmid was stopped");
	assert_log("quiesce\nrelease\n");
	bench_end(&bench);

	bench_begin(&bench, 60);
	bench.length = 100000;
	start_restore(&bench);
	gmi_service_stop(bench.service);
	expect_failed(&bench, GMI_E_CANCELLED, "cancelled");
	bench_end(&bench);
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
		cmocka_unit_test(a_restore_brings_the_device_back),
		cmocka_unit_test(a_restore_of_an_unchanged_device_needs_no_restart),
		cmocka_unit_test(a_file_that_is_no_backup_touches_nothing),
		cmocka_unit_test(a_client_that_never_sends_ends_the_restore),
		cmocka_unit_test(the_last_job_stays_until_the_next_begins),
		cmocka_unit_test(the_device_is_described_with_an_estimate),
		cmocka_unit_test(anybody_may_look_while_it_works),
		cmocka_unit_test(stopping_the_service_ends_what_runs),
	};

	return cmocka_run_group_tests_name("job/service", tests, make_images, NULL);
}
