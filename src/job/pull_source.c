#include "job/pull_source.h"

#include "base/checked.h"
#include "base/clock.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Readers beyond these wait for a place. */
#define READERS 64
/* And one place for what a new client has to show. */
#define REQUESTS (READERS + 1)
/* The end of the directory: names, lengths and CRC-32s of the last chunks and of the index. */
#define PROOF_LENGTH 4096u
/* A range that was handed out and has not begun to arrive: its answer was lost. */
#define HANDED_SECONDS 20
#define SILENCE_SECONDS 4

enum request_state {
	REQUEST_FREE,
	REQUEST_WANTED,
	REQUEST_HANDED,
	REQUEST_RECEIVING,
	REQUEST_DONE
};

struct request {
	enum request_state state;
	uint64_t ticket;
	uint64_t offset;
	uint32_t length;
	uint32_t received;
	uint8_t *data; /* the reader's */
	double handed;
};

struct gmi_pull_source {
	struct gmi_source source;
	uint32_t patience; /* seconds */
	pthread_mutex_t lock;
	pthread_cond_t wanted;  /* for clients: there is something to hand out */
	pthread_cond_t arrived; /* for readers: a request is DONE or FREE, or all is over */
	struct request requests[REQUESTS];
	uint64_t next_ticket;
	double last_arrival; /* of bytes, or of a client */
	double last_heard;   /* of a client, whatever it said */
	bool cancelled;

	bool remembered;
	uint8_t proof[PROOF_LENGTH]; /* the file's last bytes */
	uint32_t proof_length;
	struct request *proving; /* while a new client has to show them */
	uint8_t shown[PROOF_LENGTH];
	bool refused; /* it showed others; nothing is asked of it, until one attaches */
};

/* Waits at most until then. Returns false when the time has come. */
static bool wait_until(struct gmi_pull_source *pull, pthread_cond_t *condition, double when)
{
	struct timespec until = { .tv_sec = (time_t)when };

	until.tv_nsec = (long)((when - (double)until.tv_sec) * 1e9);
	return pthread_cond_timedwait(condition, &pull->lock, &until) == 0;
}

/* ---- reading side ---- */

static void want(struct gmi_pull_source *pull, struct request *request, uint64_t offset, void *data,
		 uint32_t length)
{
	*request = (struct request){
		.state = REQUEST_WANTED,
		.ticket = ++pull->next_ticket,
		.offset = offset,
		.length = length,
		.data = data,
	};
	pthread_cond_broadcast(&pull->wanted);
}

static struct request *add_request(struct gmi_pull_source *pull, uint64_t offset, void *data,
				   uint32_t length)
{
	for (size_t i = 0; i < READERS; i++) {
		if (pull->requests[i].state != REQUEST_FREE)
			continue;
		want(pull, &pull->requests[i], offset, data, length);
		return &pull->requests[i];
	}
	return NULL;
}

static void free_request(struct gmi_pull_source *pull, struct request *request)
{
	request->state = REQUEST_FREE;
	request->data = NULL;
	pthread_cond_broadcast(&pull->arrived);
}

static int gave_up(const struct gmi_pull_source *pull, struct gmi_error *err)
{
	if (pull->cancelled)
		return gmi_fail(err, GMI_E_CANCELLED, "the restore was cancelled");
	return gmi_fail(err, GMI_E_CLIENT,
			"the computer that sends the file has not sent anything for %u seconds",
			pull->patience);
}

/* Whether a reader should go on waiting. */
static bool wait_for_arrival(struct gmi_pull_source *pull)
{
	double until = pull->last_arrival + pull->patience;

	if (pull->cancelled || gmi_clock_seconds() >= until)
		return false;
	wait_until(pull, &pull->arrived, until);
	return true;
}

/* One range into the reader's memory. */
static int fetch(struct gmi_pull_source *pull, uint64_t offset, uint8_t *data, uint32_t length,
		 struct gmi_error *err)
{
	struct request *request;
	int result = 0;

	pthread_mutex_lock(&pull->lock);
	while ((request = add_request(pull, offset, data, length)) == NULL) {
		if (!wait_for_arrival(pull)) {
			result = gave_up(pull, err);
			pthread_mutex_unlock(&pull->lock);
			return result;
		}
	}
	while (request->state != REQUEST_DONE && result == 0) {
		if (!wait_for_arrival(pull))
			result = gave_up(pull, err);
	}
	free_request(pull, request);
	pthread_mutex_unlock(&pull->lock);
	return result;
}

static int read_at(struct gmi_source *self, uint64_t offset, void *data, size_t length,
		   struct gmi_error *err)
{
	struct gmi_pull_source *pull = (struct gmi_pull_source *)self;
	uint8_t *at = data;

	while (length > 0) {
		uint32_t part = (uint32_t)gmi_min_u64(length, GMI_RANGE_LENGTH_MAX);

		if (fetch(pull, offset, at, part, err) < 0)
			return -1;
		offset += part;
		at += part;
		length -= part;
	}
	return 0;
}

int gmi_pull_source_new(struct gmi_pull_source **out, uint64_t length, uint32_t patience,
			struct gmi_error *err)
{
	struct gmi_pull_source *pull = calloc(1, sizeof(*pull));
	pthread_condattr_t monotonic;

	*out = NULL;
	if (!pull)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a restore");
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&pull->lock, NULL);
	pthread_cond_init(&pull->wanted, &monotonic);
	pthread_cond_init(&pull->arrived, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pull->source.read_at = read_at;
	pull->source.length = length;
	pull->patience = patience;
	pull->last_arrival = pull->last_heard = gmi_clock_seconds();
	*out = pull;
	return 0;
}

void gmi_pull_source_free(struct gmi_pull_source *pull)
{
	if (!pull)
		return;
	pthread_cond_destroy(&pull->wanted);
	pthread_cond_destroy(&pull->arrived);
	pthread_mutex_destroy(&pull->lock);
	free(pull);
}

struct gmi_source *gmi_pull_source_as_source(struct gmi_pull_source *pull)
{
	return &pull->source;
}

int gmi_pull_source_remember(struct gmi_pull_source *pull, struct gmi_error *err)
{
	uint32_t length = (uint32_t)gmi_min_u64(PROOF_LENGTH, pull->source.length);

	if (length > 0 && fetch(pull, pull->source.length - length, pull->proof, length, err) < 0)
		return -1;
	pthread_mutex_lock(&pull->lock);
	pull->proof_length = length;
	pull->remembered = true;
	pthread_mutex_unlock(&pull->lock);
	return 0;
}

void gmi_pull_source_cancel(struct gmi_pull_source *pull)
{
	pthread_mutex_lock(&pull->lock);
	pull->cancelled = true;
	pthread_cond_broadcast(&pull->arrived);
	pthread_cond_broadcast(&pull->wanted);
	pthread_mutex_unlock(&pull->lock);
}

/* ---- client's side ---- */

/* Until a new client has shown that it has the file, it is asked for nothing else. */
static bool may_be_asked(const struct gmi_pull_source *pull, const struct request *request)
{
	return !pull->refused && (!pull->proving || pull->proving == request);
}

static bool may_be_handed(const struct gmi_pull_source *pull, const struct request *request)
{
	if (!may_be_asked(pull, request))
		return false;
	if (request->state == REQUEST_HANDED)
		return gmi_clock_seconds() - request->handed > HANDED_SECONDS;
	return request->state == REQUEST_WANTED;
}

static size_t hand_out(struct gmi_pull_source *pull, struct gmi_range *ranges, size_t most)
{
	size_t count = 0;

	for (size_t i = 0; i < REQUESTS && count < most; i++) {
		struct request *request = &pull->requests[i];

		if (!may_be_handed(pull, request))
			continue;
		request->state = REQUEST_HANDED;
		request->handed = gmi_clock_seconds();
		ranges[count++] = (struct gmi_range){ request->offset, request->length };
	}
	return count;
}

int gmi_pull_source_wanted(struct gmi_pull_source *pull, unsigned int milliseconds,
			   struct gmi_range *ranges, size_t most, size_t *count,
			   struct gmi_error *err)
{
	double until = gmi_clock_seconds() + milliseconds / 1000.0;
	int result = 0;

	pthread_mutex_lock(&pull->lock);
	do {
		pull->last_heard = gmi_clock_seconds();
		*count = hand_out(pull, ranges, most);
	} while (*count == 0 && !pull->cancelled && !pull->refused &&
		 wait_until(pull, &pull->wanted, until));
	pull->last_heard = gmi_clock_seconds();
	if (pull->refused)
		result = gmi_fail(err, GMI_E_CONFLICT,
				  "this is not the file that the restore began with");
	pthread_mutex_unlock(&pull->lock);
	return result;
}

static struct request *find_ticket(struct gmi_pull_source *pull, uint64_t ticket)
{
	for (size_t i = 0; i < REQUESTS; i++) {
		if (pull->requests[i].state == REQUEST_RECEIVING &&
		    pull->requests[i].ticket == ticket)
			return &pull->requests[i];
	}
	return NULL;
}

static int not_wanted(struct gmi_error *err, const struct gmi_range *range)
{
	return gmi_fail(err, GMI_E_CLIENT,
			"bytes %" PRIu64 " to %" PRIu64 " are not wanted, or not any more",
			range->offset, range->offset + range->length);
}

int gmi_pull_source_receive_begin(struct gmi_pull_source *pull, const struct gmi_range *range,
				  uint64_t *ticket, struct gmi_error *err)
{
	int result = not_wanted(err, range);

	pthread_mutex_lock(&pull->lock);
	pull->last_heard = gmi_clock_seconds();
	for (size_t i = 0; i < REQUESTS; i++) {
		struct request *request = &pull->requests[i];

		if ((request->state != REQUEST_HANDED && request->state != REQUEST_WANTED) ||
		    !may_be_asked(pull, request) || request->offset != range->offset ||
		    request->length != range->length)
			continue;
		request->state = REQUEST_RECEIVING;
		request->received = 0;
		/* A fresh ticket each time: a connection that hangs must not write into the next
		 * try. */
		request->ticket = ++pull->next_ticket;
		*ticket = request->ticket;
		result = 0;
		break;
	}
	pthread_mutex_unlock(&pull->lock);
	return result;
}

int gmi_pull_source_receive(struct gmi_pull_source *pull, uint64_t ticket, const void *data,
			    size_t length, struct gmi_error *err)
{
	struct request *request;
	int result = 0;

	pthread_mutex_lock(&pull->lock);
	request = find_ticket(pull, ticket);
	if (!request) {
		result = gmi_fail(err, GMI_E_CLIENT, "these bytes are not wanted any more");
	} else if (length > request->length - request->received) {
		result = gmi_fail(err, GMI_E_CLIENT, "more bytes were sent than the %u announced",
				  request->length);
	} else {
		memcpy(request->data + request->received, data, length);
		request->received += (uint32_t)length;
		pull->last_arrival = pull->last_heard = gmi_clock_seconds();
	}
	pthread_mutex_unlock(&pull->lock);
	return result;
}

/* A new client's proof has come. */
static void judge_proof(struct gmi_pull_source *pull)
{
	pull->refused = memcmp(pull->shown, pull->proof, pull->proof_length) != 0;
	free_request(pull, pull->proving);
	pull->proving = NULL;
	pthread_cond_broadcast(&pull->wanted);
}

int gmi_pull_source_receive_end(struct gmi_pull_source *pull, uint64_t ticket, bool complete,
				struct gmi_error *err)
{
	struct request *request;
	int result = 0;

	pthread_mutex_lock(&pull->lock);
	request = find_ticket(pull, ticket);
	if (!request) {
		result = gmi_fail(err, GMI_E_CLIENT, "these bytes are not wanted any more");
	} else if (!complete || request->received != request->length) {
		if (complete)
			result = gmi_fail(err, GMI_E_CLIENT, "only %u of %u bytes were sent",
					  request->received, request->length);
		request->state = REQUEST_WANTED;
		pthread_cond_broadcast(&pull->wanted);
	} else if (request == pull->proving) {
		judge_proof(pull);
	} else {
		request->state = REQUEST_DONE;
		pthread_cond_broadcast(&pull->arrived);
	}
	pthread_mutex_unlock(&pull->lock);
	return result;
}

int gmi_pull_source_attach(struct gmi_pull_source *pull, uint64_t length, struct gmi_error *err)
{
	if (length != pull->source.length)
		return gmi_fail(
			err, GMI_E_CONFLICT,
			"this is not the file that the restore began with: that one has %" PRIu64
			" bytes, this one %" PRIu64,
			pull->source.length, length);
	pthread_mutex_lock(&pull->lock);
	pull->last_arrival = pull->last_heard = gmi_clock_seconds();
	pull->refused = false;
	if (pull->proving)
		free_request(pull, pull->proving);
	pull->proving = NULL;
	for (size_t i = 0; i < REQUESTS; i++) {
		struct request *request = &pull->requests[i];

		if (request->state == REQUEST_HANDED || request->state == REQUEST_RECEIVING)
			request->state = REQUEST_WANTED;
	}
	if (pull->remembered && pull->proof_length > 0) {
		pull->proving = &pull->requests[READERS];
		want(pull, pull->proving, pull->source.length - pull->proof_length, pull->shown,
		     pull->proof_length);
	}
	pthread_cond_broadcast(&pull->wanted);
	pthread_mutex_unlock(&pull->lock);
	return 0;
}

bool gmi_pull_source_is_alone(struct gmi_pull_source *pull)
{
	bool pending = false;
	bool alone;

	pthread_mutex_lock(&pull->lock);
	for (size_t i = 0; i < REQUESTS; i++)
		pending = pending || pull->requests[i].state != REQUEST_FREE;
	alone = pull->refused ||
		(pending && gmi_clock_seconds() - pull->last_heard > SILENCE_SECONDS);
	pthread_mutex_unlock(&pull->lock);
	return alone;
}
