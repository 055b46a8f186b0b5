/*
 * A service over a device of image files, with hooks that keep a log: for the tests of jobs.
 *
 *   service_make_images    once per program: the device as it is at the backup
 *   service_begin, _end    a fresh device with its service
 *
 * "log" gets a line per hook; "lock" is the programs' lock file; a file "program" makes the device
 * busy with what it holds, a file "broken" makes quiesce fail.
 */
#ifndef GMI_TESTS_SERVICE_BENCH_H
#define GMI_TESTS_SERVICE_BENCH_H

#include "job/job.h"

#include <stddef.h>
#include <stdint.h>

#define SERVICE_EMMC (8u << 20)
#define SERVICE_FLASH (1u << 20)

struct service_bench {
	struct gmi_profile profile;
	struct gmi_service *service;
	struct gmi_job *job; /* the latest */
	uint8_t *file;       /* a backup, as it was received */
	size_t length;
};

int service_make_images(void **state);

void service_begin(struct service_bench *bench, unsigned int client_wait);
void service_end(struct service_bench *bench);

void service_start_backup(struct service_bench *bench);
void service_start_restore(struct service_bench *bench);

/* Reads the backup that has begun into bench->file. */
void service_consume(struct service_bench *bench);
/* Both at once. */
void service_download(struct service_bench *bench);
/* A whole restore from bench->file, sent by two threads as by a page's two connections. */
struct gmi_job_view service_restore(struct service_bench *bench);

/* Waits for the job's end. */
struct gmi_job_view service_end_of(struct service_bench *bench);

void service_expect_failed(struct service_bench *bench, enum gmi_code code, const char *words);
/* What the hooks have written so far. */
void service_assert_log(const char *wanted);

#endif
