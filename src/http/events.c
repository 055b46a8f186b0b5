/*
 * A job's log and progress as Server-Sent Events (WHATWG HTML, 9.2). A browser that lost the
 * connection comes back with Last-Event-ID, the number of the last log line that it has seen.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "http/job_json.h"
#include "http/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRESS_SECONDS 0.25
#define HEARTBEAT_SECONDS 10.0

struct events {
	struct gmi_server *server;
	struct gmi_job *job; /* the request's, which lives longer */
	uint32_t next_line;
	uint64_t seen; /* of the job's changes */
	double last_progress;
	double last_sent;
	uint64_t last_done;
	bool over;
	char *text; /* what is being sent */
	size_t length;
	size_t sent;
};

static void free_events(void *context)
{
	struct events *events = context;

	free(events->text);
	free(events);
}

/* Makes the next event the one that is sent. Takes the JSON. */
static void set_event(struct events *events, const char *name, uint32_t id, json_t *json)
{
	char *data = json ? json_dumps(json, JSON_COMPACT) : NULL;
	char line[32] = "";

	json_decref(json);
	free(events->text);
	events->text = NULL;
	events->length = events->sent = 0;
	events->last_sent = gmi_clock_seconds();
	if (id > 0)
		snprintf(line, sizeof(line), "id: %u\n", id);
	if (data) {
		int length = asprintf(&events->text, "%sevent: %s\ndata: %s\n\n", line, name, data);

		events->length = length > 0 ? (size_t)length : 0;
	}
	free(data);
}

/* True if there is something to send now. */
static bool next_event(struct events *events)
{
	struct gmi_report_line line;
	struct gmi_job_view view;
	bool moved;

	if (gmi_job_line(events->job, events->next_line, &line)) {
		events->next_line++;
		set_event(events, "log", events->next_line,
			  gmi_log_line_json(events->next_line, &line));
		return true;
	}
	gmi_job_view(events->job, &view);
	if (view.state != GMI_JOB_RUNNING) {
		/* A line may have come between the two looks: it goes first. */
		if (gmi_job_line(events->job, events->next_line, &line))
			return next_event(events);
		events->over = true;
		set_event(events, "end", 0, gmi_job_json(events->job, false));
		return true;
	}
	moved = view.progress.done != events->last_done ||
		gmi_clock_seconds() - events->last_progress > 1.0;
	if (moved && gmi_clock_seconds() - events->last_progress >= PROGRESS_SECONDS) {
		events->last_progress = gmi_clock_seconds();
		events->last_done = view.progress.done;
		set_event(events, "progress", 0, gmi_job_json(events->job, false));
		return true;
	}
	if (gmi_clock_seconds() - events->last_sent >= HEARTBEAT_SECONDS) {
		free(events->text);
		events->text = strdup(":\n\n");
		events->length = events->text ? 3 : 0;
		events->sent = 0;
		events->last_sent = gmi_clock_seconds();
		return true;
	}
	return false;
}

static ssize_t events_read(void *context, uint64_t position, char *buffer, size_t most)
{
	struct events *events = context;
	size_t part;

	(void)position;
	while (events->sent == events->length) {
		if (events->over || gmi_server_is_stopping(events->server))
			return MHD_CONTENT_READER_END_OF_STREAM;
		if (!next_event(events))
			events->seen = gmi_job_wait(events->job, events->seen, 250);
	}
	part = events->length - events->sent;
	part = part < most ? part : most;
	memcpy(buffer, events->text + events->sent, part);
	events->sent += part;
	return (ssize_t)part;
}

static uint32_t last_event_id(const struct gmi_request *request)
{
	const char *text =
		MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Last-Event-ID");

	if (!text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 6)
		return 0;
	return (uint32_t)strtoul(text, NULL, 10);
}

int gmi_route_events(struct gmi_request *request, struct gmi_error *err)
{
	struct events *events;
	struct MHD_Response *response = NULL;

	if (gmi_request_find_job(request, err) < 0)
		return -1;
	events = calloc(1, sizeof(*events));
	if (events) {
		events->server = request->server;
		events->job = request->job;
		events->next_line = last_event_id(request);
		events->last_sent = gmi_clock_seconds();
		response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, events_read,
							     events, free_events);
	}
	if (!response) {
		free(events);
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for events");
	}
	MHD_add_response_header(response, "Content-Type", "text/event-stream");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "X-Accel-Buffering", "no");
	return gmi_respond_with(request, 200, response, err);
}
