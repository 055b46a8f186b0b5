#include "support/service_bench.h"

#include "support/device_profile.h"
#include "support/storage_random.h"
#include "support/storage_scratch.h"
#include "unit.h"

#include "base/source.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

int service_make_images(void **state)
{
	struct storage_random random = { 1 };
	uint8_t *flash = malloc(SERVICE_FLASH);

	(void)state;
	storage_random_fill(&random, flash, SERVICE_FLASH);
	storage_save("flash.good", flash, SERVICE_FLASH);
	free(flash);
	storage_make_file("emmc.good", SERVICE_EMMC);
	storage_shell(
		"mkdir tree && head -c 3000000 /dev/urandom > tree/a && cp /etc/passwd tree &&"
		"mke2fs -q -F -t ext4 -d tree emmc.good");
	return 0;
}

void service_begin(struct service_bench *bench, unsigned int client_wait)
{
	struct gmi_error err;

	memset(bench, 0, sizeof(*bench));
	storage_shell(
		"cp emmc.good emmc.img && cp flash.good flash.img && : > log && rm -f program");
	device_load_profile(&bench->profile,
			    "[device]\nid = bb1\nmodel = Box\nsoftware = v1\nlock = lock\n"
			    "[disk emmc]\npath = emmc.img\n"
			    "[disk flash]\npath = flash.img\ntype = flash\n"
			    "[hooks]\nbusy = ! cat program 2>/dev/null\n"
			    "quiesce = echo quiesce >> log && test ! -e broken\n"
			    "release = echo release >> log\nrestart = echo restart >> log\n"
			    "[service]\nclient_wait = %u\n",
			    client_wait);
	assert_gmi_ok(gmi_service_new(&bench->service, &bench->profile, &err), &err);
}

void service_end(struct service_bench *bench)
{
	gmi_service_stop(bench->service);
	gmi_job_put(bench->job);
	gmi_service_free(bench->service);
	free(bench->file);
}

void service_assert_log(const char *wanted)
{
	size_t length;
	char *log = (char *)storage_load("log", &length);

	assert_string_equal(log, wanted);
	free(log);
}

void service_start_backup(struct service_bench *bench)
{
	struct gmi_backup_request request = { 0 };
	struct gmi_error err;

	gmi_job_put(bench->job);
	assert_gmi_ok(gmi_service_start_backup(bench->service, &request, &bench->job, &err), &err);
}

void service_start_restore(struct service_bench *bench)
{
	struct gmi_error err;

	gmi_job_put(bench->job);
	assert_gmi_ok(gmi_service_start_restore(bench->service, "b.gmi", bench->length, &bench->job,
						&err),
		      &err);
}

struct gmi_job_view service_end_of(struct service_bench *bench)
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

void service_expect_failed(struct service_bench *bench, enum gmi_code code, const char *words)
{
	struct gmi_job_view view = service_end_of(bench);

	assert_int_equal(view.state, GMI_JOB_FAILED);
	assert_int_equal(view.error.code, code);
	if (!strstr(view.error.message, words))
		fail_msg("\"%s\" does not say \"%s\"", view.error.message, words);
	assert_true(view.ended >= view.started);
	assert_false(view.waiting);
}

void service_consume(struct service_bench *bench)
{
	struct gmi_memory_sink file;
	uint8_t data[10000];
	size_t length;
	struct gmi_error err;

	free(bench->file);
	gmi_memory_sink_init(&file);
	assert_gmi_ok(gmi_job_stream_open(bench->job, &err), &err);
	for (;;) {
		assert_gmi_ok(gmi_job_stream_read(bench->job, data, sizeof(data), &length, &err),
			      &err);
		if (length == 0)
			break;
		assert_gmi_ok(gmi_sink_write(&file.sink, data, length, &err), &err);
	}
	bench->file = file.data;
	bench->length = file.length;
	gmi_job_stream_close(bench->job, true);
	assert_int_equal(service_end_of(bench).state, GMI_JOB_SUCCEEDED);
}

void service_download(struct service_bench *bench)
{
	service_start_backup(bench);
	service_consume(bench);
}

/* What a page does: asks what is wanted and sends it, until the restore has ended. */
static void *serve(void *context)
{
	struct service_bench *bench = context;
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

struct gmi_job_view service_restore(struct service_bench *bench)
{
	struct gmi_job_view view;
	pthread_t clients[2];

	service_start_restore(bench);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&clients[i], NULL, serve, bench), 0);
	view = service_end_of(bench);
	for (size_t i = 0; i < 2; i++)
		pthread_join(clients[i], NULL);
	return view;
}
