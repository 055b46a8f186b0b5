/* A whole restore of a device with image files and hooks that keep a log. */
#include "../unit.h"

#include "backup/session.h"
#include "restore/session.h"
#include "support/device_profile.h"
#include "support/storage_scratch.h"

#include <stdlib.h>
#include <string.h>

#define HOOKS \
	"[hooks]\nbusy = ! cat program 2>/dev/null\nquiesce = echo quiesce >> log\n" \
	"release = echo release >> log\n"

struct bench {
	struct gmi_profile profile;
	struct gmi_report report;
	struct gmi_file_source file;
};

/* A device "bb1" with a disk of random bytes, its backup in b.gmi, and then one byte changed. */
static void bench_begin(struct bench *bench)
{
	struct gmi_backup_options options = { 0 };
	struct gmi_backup_session *session;
	struct gmi_memory_sink memory;
	const void *data;
	size_t length;
	struct gmi_error err;

	storage_shell(
		"head -c 3M /dev/urandom > disk.good && cp disk.good disk.img && rm -f program");
	device_load_profile(&bench->profile,
			    "[device]\nid = bb1\n[disk sd]\npath = disk.img\n" HOOKS);
	assert_gmi_ok(gmi_report_init(&bench->report, &err), &err);
	gmi_memory_sink_init(&memory);
	assert_gmi_ok(
		gmi_backup_session_new(&session, &bench->profile, &options, &bench->report, &err),
		&err);
	do {
		assert_gmi_ok(gmi_backup_session_next(session, &data, &length, &err), &err);
		assert_gmi_ok(gmi_sink_write(&memory.sink, data, length, &err), &err);
	} while (length > 0);
	gmi_backup_session_free(session);
	storage_save("b.gmi", memory.data, memory.length);
	gmi_memory_sink_release(&memory);
	assert_gmi_ok(gmi_file_source_open(&bench->file, storage_path("b.gmi"), &err), &err);
	storage_shell(
		"cp disk.good disk.changed && printf x | dd of=disk.changed bs=1 seek=2000000 "
		"conv=notrunc && cp disk.changed disk.img && : > log");
}

static void bench_end(struct bench *bench)
{
	gmi_file_source_close(&bench->file);
	gmi_report_release(&bench->report);
}

static void assert_log(const char *wanted)
{
	size_t length;
	char *log = (char *)storage_load("log", &length);

	assert_string_equal(log, wanted);
	free(log);
}

static int run(struct bench *bench, bool dry_run, struct gmi_error *err)
{
	struct gmi_restore_session_options options = { .dry_run = dry_run };
	struct gmi_restore_session *session;
	int result;

	if (gmi_restore_session_new(&session, &bench->profile, &bench->file.source, &options,
				    &bench->report, err) < 0)
		return -1;
	result = gmi_restore_session_run(session, err);
	gmi_restore_session_free(session);
	return result;
}

static void a_restored_device_stays_at_rest_until_its_restart(void **state)
{
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench);
	assert_gmi_ok(run(&bench, false, &err), &err);
	storage_shell("cmp disk.img disk.good");
	assert_log("quiesce\n");
	/* Once more: nothing to do, so it goes on as before. */
	assert_gmi_ok(run(&bench, false, &err), &err);
	assert_log("quiesce\nquiesce\nrelease\n");
	bench_end(&bench);
}

static void a_rehearsal_stops_no_service_and_writes_nothing(void **state)
{
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench);
	assert_gmi_ok(run(&bench, true, &err), &err);
	storage_shell("cmp disk.img disk.changed");
	assert_log("");
	bench_end(&bench);
}

static void a_refusal_comes_before_any_service_is_stopped(void **state)
{
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench);
	storage_save("program", "Measure", 7);
	assert_int_equal(run(&bench, false, &err), -1);
	assert_int_equal(err.code, GMI_E_PROGRAM_RUNS);
	storage_shell("rm program");
	strcpy(bench.profile.id, "bb2");
	assert_int_equal(run(&bench, false, &err), -1);
	assert_int_equal(err.code, GMI_E_WRONG_DEVICE);
	strcpy(bench.profile.id, "bb1");
	storage_shell("truncate -s 2M disk.img");
	assert_int_equal(run(&bench, false, &err), -1);
	assert_int_equal(err.code, GMI_E_LAYOUT);
	storage_shell("rm disk.img");
	assert_int_equal(run(&bench, false, &err), -1);
	assert_int_equal(err.code, GMI_E_LAYOUT);
	assert_log("");
	bench_end(&bench);
}

static void a_damaged_file_is_found_at_rest_and_the_device_let_go(void **state)
{
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench);
	/* Of the chunk that holds the changed byte. */
	storage_shell("printf y | dd of=b.gmi bs=1 seek=2000100 conv=notrunc");
	assert_int_equal(run(&bench, false, &err), -1);
	assert_int_equal(err.code, GMI_E_DAMAGED);
	assert_non_null(strstr(err.message, "chunk 3 of volume sd"));
	storage_shell("cmp disk.img disk.changed");
	assert_log("quiesce\nrelease\n");
	bench_end(&bench);
}

static void a_quiesce_that_fails_leaves_the_device_as_it_was(void **state)
{
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench);
	strcpy(bench.profile.hooks.quiesce, "exit 9");
	assert_int_equal(run(&bench, false, &err), -1);
	assert_int_equal(err.code, GMI_E_HOOK);
	storage_shell("cmp disk.img disk.changed");
	assert_log("release\n");
	bench_end(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_restored_device_stays_at_rest_until_its_restart),
		cmocka_unit_test(a_rehearsal_stops_no_service_and_writes_nothing),
		cmocka_unit_test(a_refusal_comes_before_any_service_is_stopped),
		cmocka_unit_test(a_damaged_file_is_found_at_rest_and_the_device_let_go),
		cmocka_unit_test(a_quiesce_that_fails_leaves_the_device_as_it_was),
	};

	return cmocka_run_group_tests_name("restore/session", tests, NULL, NULL);
}
