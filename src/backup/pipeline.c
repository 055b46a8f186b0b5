#include "backup/pipeline.h"

#include "base/cores.h"
#include "base/io.h"
#include "base/text.h"
#include "device/profile.h"
#include "storage/rescue.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <zstd.h>

/*
 * Disks read past the page cache read nothing ahead. So that one is busy while every core
 * compresses, some more workers wait for it. docs/performance.md has the figures.
 */
#define WORKERS_READING 2
/* Enough that no worker waits while the consumer is busy with one piece. */
#define SLOTS_PER_WORKER 3
#define SLOTS_EXTRA 2

enum slot_state { SLOT_FREE, SLOT_WORKING, SLOT_READY };

struct slot {
	enum slot_state state;
	struct gmi_plan_step step;
	bool zero;
	size_t frame_length;
	uint8_t hash[GMI_SHA256_LENGTH];
	uint64_t used_bytes;
	struct gmi_extents unreadable;
	uint8_t *frame; /* frame_capacity bytes */
};

struct worker {
	struct gmi_pipeline *pipeline;
	pthread_t thread;
	bool started;
	ZSTD_CCtx *zstd;
	struct gmi_hasher *hasher;
	uint8_t *plain; /* chunk_length bytes */
};

struct gmi_pipeline {
	struct gmi_pipeline_config config;
	size_t frame_capacity;
	struct gmi_rescue rescues[GMI_PROFILE_DISKS_MAX]; /* of the disks */

	pthread_mutex_t lock;
	pthread_cond_t slot_freed;   /* for workers */
	pthread_cond_t slot_readied; /* for the consumer */
	pthread_cond_t read_ended;   /* for whoever waits to let the device go */
	struct gmi_plan plan;
	bool plan_ended;
	uint32_t volumes_said;
	bool stopping;
	bool failed;
	struct gmi_error error; /* the first one */
	unsigned int reading;   /* workers that may still read a disk */
	uint64_t dealt;         /* steps dealt to slots so far */
	uint64_t taken;         /* steps given back by the consumer so far */

	struct slot *slots;
	unsigned int slot_count;
	struct worker *workers;
	unsigned int worker_count;
};

static struct slot *slot_of(struct gmi_pipeline *pipeline, uint64_t step)
{
	return &pipeline->slots[step % pipeline->slot_count];
}

/*
 * Said here and not where the consumer takes the chunks: on a small device everything has been read
 * before it takes the first one. Call with the lock.
 */
static void say_volumes_to(struct gmi_pipeline *pipeline, uint32_t volume)
{
	for (; pipeline->config.report && pipeline->volumes_said <= volume;
	     pipeline->volumes_said++) {
		const struct gmi_volume *begun =
			&pipeline->config.layout->volumes[pipeline->volumes_said];

		gmi_report_say(pipeline->config.report, "Reading %s (%s): %s in use of %s%s%s",
			       begun->name, begun->content,
			       gmi_text_bytes(gmi_extents_total(&begun->used)).text,
			       gmi_text_bytes(begun->length).text, *begun->note ? "; " : "",
			       begun->note);
	}
}

/* Unused stretches need no work: they are ready as they are dealt. */
static struct slot *deal(struct gmi_pipeline *pipeline)
{
	for (;;) {
		struct slot *slot = slot_of(pipeline, pipeline->dealt);

		if (pipeline->stopping || pipeline->failed || pipeline->plan_ended)
			return NULL;
		if (slot->state != SLOT_FREE) {
			pthread_cond_wait(&pipeline->slot_freed, &pipeline->lock);
			continue;
		}
		if (!gmi_plan_next(&pipeline->plan, &slot->step)) {
			pipeline->plan_ended = true;
			pthread_cond_broadcast(&pipeline->slot_freed);
			pthread_cond_broadcast(&pipeline->read_ended);
			pthread_cond_signal(&pipeline->slot_readied);
			return NULL;
		}
		pipeline->dealt++;
		slot->unreadable.count = 0;
		say_volumes_to(pipeline, slot->step.volume);
		if (slot->step.used) {
			slot->state = SLOT_WORKING;
			pipeline->reading++;
			return slot;
		}
		slot->zero = true;
		slot->used_bytes = 0;
		slot->state = SLOT_READY;
		pthread_cond_signal(&pipeline->slot_readied);
	}
}

static int read_chunk(struct worker *worker, struct slot *slot, struct gmi_error *err)
{
	const struct gmi_pipeline_config *config = &worker->pipeline->config;
	const struct gmi_volume *volume = &config->layout->volumes[slot->step.volume];
	uint64_t offset = slot->step.chunk * config->chunk_length;
	struct gmi_used_view view = {
		.disk = config->disks[volume->disk],
		.start = volume->offset,
		.used = &volume->used,
	};
	size_t cursor = gmi_extents_find(&volume->used, offset);
	struct gmi_extent part;
	int result;

	slot->used_bytes = 0;
	while (gmi_extents_next(&volume->used, offset, slot->step.length, &cursor, &part))
		slot->used_bytes += part.length;
	if (config->keep_going)
		result = gmi_rescue_read(&worker->pipeline->rescues[volume->disk], &view, offset,
					 worker->plain, slot->step.length, &slot->unreadable, err);
	else
		result = gmi_used_read(&view, offset, worker->plain, slot->step.length, err);
	return result < 0 ? gmi_error_prefix(err, "volume %s", volume->name) : 0;
}

static int compress_chunk(struct worker *worker, struct slot *slot, struct gmi_error *err)
{
	slot->zero = gmi_is_zero(worker->plain, slot->step.length);
	if (slot->zero)
		return 0;
	gmi_hasher_once(worker->hasher, worker->plain, slot->step.length, slot->hash);
	slot->frame_length =
		ZSTD_compress2(worker->zstd, slot->frame, worker->pipeline->frame_capacity,
			       worker->plain, slot->step.length);
	if (ZSTD_isError(slot->frame_length))
		return gmi_fail(err, GMI_E_SYSTEM, "zstd cannot compress: %s",
				ZSTD_getErrorName(slot->frame_length));
	return 0;
}

/* The first failure is the one that is told; the others follow from it. Call with the lock. */
static void fail(struct gmi_pipeline *pipeline, const struct gmi_error *err)
{
	if (!pipeline->failed)
		pipeline->error = *err;
	pipeline->failed = true;
	pthread_cond_broadcast(&pipeline->slot_freed);
	pthread_cond_broadcast(&pipeline->read_ended);
	pthread_cond_signal(&pipeline->slot_readied);
}

static void *work(void *context)
{
	struct worker *worker = context;
	struct gmi_pipeline *pipeline = worker->pipeline;
	struct gmi_error err;
	struct slot *slot;

	pthread_mutex_lock(&pipeline->lock);
	while ((slot = deal(pipeline)) != NULL) {
		int result;

		pthread_mutex_unlock(&pipeline->lock);
		result = read_chunk(worker, slot, &err);
		pthread_mutex_lock(&pipeline->lock);
		pipeline->reading--;
		pthread_cond_broadcast(&pipeline->read_ended);
		pthread_mutex_unlock(&pipeline->lock);
		if (result == 0)
			result = compress_chunk(worker, slot, &err);
		pthread_mutex_lock(&pipeline->lock);
		if (result < 0) {
			fail(pipeline, &err);
		} else {
			slot->state = SLOT_READY;
			pthread_cond_signal(&pipeline->slot_readied);
		}
	}
	pthread_mutex_unlock(&pipeline->lock);
	return NULL;
}

static int worker_start(struct worker *worker, struct gmi_pipeline *pipeline, struct gmi_error *err)
{
	const struct gmi_pipeline_config *config = &pipeline->config;

	worker->pipeline = pipeline;
	worker->plain = gmi_disk_buffer(config->chunk_length);
	worker->zstd = ZSTD_createCCtx();
	if (!worker->plain || !worker->zstd)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a worker");
	if (gmi_hasher_new(&worker->hasher, err) < 0)
		return -1;
	if (ZSTD_isError(
		    ZSTD_CCtx_setParameter(worker->zstd, ZSTD_c_compressionLevel, config->level)))
		return gmi_fail(err, GMI_E_USAGE, "zstd knows no level %d", config->level);
	if (pthread_create(&worker->thread, NULL, work, worker) != 0)
		return gmi_fail(err, GMI_E_SYSTEM, "cannot start a worker thread");
	worker->started = true;
	return 0;
}

static int allocate(struct gmi_pipeline *pipeline, struct gmi_error *err)
{
	pipeline->slot_count = pipeline->worker_count * SLOTS_PER_WORKER + SLOTS_EXTRA;
	pipeline->frame_capacity = ZSTD_compressBound(pipeline->config.chunk_length);
	pipeline->slots = calloc(pipeline->slot_count, sizeof(*pipeline->slots));
	pipeline->workers = calloc(pipeline->worker_count, sizeof(*pipeline->workers));
	if (!pipeline->slots || !pipeline->workers)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for the pipeline");
	for (unsigned int i = 0; i < pipeline->slot_count; i++) {
		pipeline->slots[i].frame = malloc(pipeline->frame_capacity);
		if (!pipeline->slots[i].frame)
			return gmi_fail(err, GMI_E_SYSTEM, "out of memory for chunk buffers");
	}
	return 0;
}

int gmi_pipeline_start(struct gmi_pipeline **out, const struct gmi_pipeline_config *config,
		       struct gmi_error *err)
{
	struct gmi_pipeline *pipeline = calloc(1, sizeof(*pipeline));
	int result;

	*out = NULL;
	if (!pipeline)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for the pipeline");
	pipeline->config = *config;
	pthread_mutex_init(&pipeline->lock, NULL);
	pthread_cond_init(&pipeline->slot_freed, NULL);
	pthread_cond_init(&pipeline->slot_readied, NULL);
	pthread_cond_init(&pipeline->read_ended, NULL);
	gmi_plan_init(&pipeline->plan, config->layout, config->chunk_length);
	pipeline->worker_count =
		config->workers ? config->workers : gmi_core_count() + WORKERS_READING;

	result = allocate(pipeline, err);
	for (unsigned int i = 0; result == 0 && i < pipeline->worker_count; i++)
		result = worker_start(&pipeline->workers[i], pipeline, err);
	if (result < 0) {
		gmi_pipeline_free(pipeline);
		return -1;
	}
	*out = pipeline;
	return 0;
}

int gmi_pipeline_take(struct gmi_pipeline *pipeline, struct gmi_pipeline_result *result,
		      struct gmi_error *err)
{
	struct slot *slot = slot_of(pipeline, pipeline->taken);
	int outcome = 0;

	pthread_mutex_lock(&pipeline->lock);
	while (!pipeline->failed && slot->state != SLOT_READY &&
	       !(pipeline->plan_ended && pipeline->taken == pipeline->dealt))
		pthread_cond_wait(&pipeline->slot_readied, &pipeline->lock);
	if (pipeline->failed) {
		*err = pipeline->error;
		outcome = -1;
	} else if (slot->state == SLOT_READY) {
		*result = (struct gmi_pipeline_result){
			.step = slot->step,
			.frame = slot->zero ? NULL : slot->frame,
			.frame_length = slot->frame_length,
			.used_bytes = slot->used_bytes,
			.unreadable = &slot->unreadable,
		};
		__builtin_memcpy(result->hash, slot->hash, sizeof(result->hash));
	} else {
		*result = (struct gmi_pipeline_result){ .end = true };
	}
	pthread_mutex_unlock(&pipeline->lock);
	return outcome;
}

void gmi_pipeline_give_back(struct gmi_pipeline *pipeline)
{
	pthread_mutex_lock(&pipeline->lock);
	assert(slot_of(pipeline, pipeline->taken)->state == SLOT_READY);
	slot_of(pipeline, pipeline->taken)->state = SLOT_FREE;
	pipeline->taken++;
	pthread_cond_signal(&pipeline->slot_freed);
	pthread_mutex_unlock(&pipeline->lock);
}

/* Call with the lock. */
static bool is_read(const struct gmi_pipeline *pipeline)
{
	return pipeline->reading == 0 &&
	       (pipeline->plan_ended || pipeline->failed || pipeline->stopping);
}

bool gmi_pipeline_reading_done(struct gmi_pipeline *pipeline)
{
	bool done;

	pthread_mutex_lock(&pipeline->lock);
	done = is_read(pipeline);
	pthread_mutex_unlock(&pipeline->lock);
	return done;
}

bool gmi_pipeline_wait_read(struct gmi_pipeline *pipeline)
{
	bool whole;

	pthread_mutex_lock(&pipeline->lock);
	while (!is_read(pipeline))
		pthread_cond_wait(&pipeline->read_ended, &pipeline->lock);
	whole = pipeline->plan_ended && !pipeline->failed;
	pthread_mutex_unlock(&pipeline->lock);
	return whole;
}

void gmi_pipeline_stop(struct gmi_pipeline *pipeline)
{
	pthread_mutex_lock(&pipeline->lock);
	pipeline->stopping = true;
	pthread_cond_broadcast(&pipeline->slot_freed);
	pthread_cond_broadcast(&pipeline->read_ended);
	pthread_mutex_unlock(&pipeline->lock);
}

bool gmi_pipeline_gave_up(const struct gmi_pipeline *pipeline, uint32_t disk)
{
	return gmi_rescue_gave_up(&pipeline->rescues[disk]);
}

void gmi_pipeline_free(struct gmi_pipeline *pipeline)
{
	if (!pipeline)
		return;
	gmi_pipeline_stop(pipeline);
	for (unsigned int i = 0; pipeline->workers && i < pipeline->worker_count; i++) {
		struct worker *worker = &pipeline->workers[i];

		if (worker->started)
			pthread_join(worker->thread, NULL);
		ZSTD_freeCCtx(worker->zstd);
		gmi_hasher_free(worker->hasher);
		free(worker->plain);
	}
	for (unsigned int i = 0; pipeline->slots && i < pipeline->slot_count; i++) {
		gmi_extents_release(&pipeline->slots[i].unreadable);
		free(pipeline->slots[i].frame);
	}
	free(pipeline->workers);
	free(pipeline->slots);
	pthread_cond_destroy(&pipeline->slot_freed);
	pthread_cond_destroy(&pipeline->slot_readied);
	pthread_mutex_destroy(&pipeline->lock);
	free(pipeline);
}
