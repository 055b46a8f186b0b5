/* The bytes of GMI files: a backup's on their way out, a restore's on their way in. */
#include "base/checked.h"
#include "http/routes.h"

#include <stdio.h>

/* ---- out ---- */

/* The job is the request's, which lives longer. */
static ssize_t download_read(void *job, uint64_t position, char *buffer, size_t most)
{
	struct gmi_error err;
	size_t length;

	(void)position;
	if (gmi_job_stream_read(job, buffer, most, &length, &err) < 0)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	return length == 0 ? MHD_CONTENT_READER_END_OF_STREAM : (ssize_t)length;
}

static int respond_with_file(struct gmi_request *request, struct gmi_error *err)
{
	struct MHD_Response *response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, 256 << 10, download_read, request->job, NULL);
	struct gmi_job_view view;
	char disposition[320];

	if (!response)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a download");
	gmi_job_view(request->job, &view);
	snprintf(disposition, sizeof(disposition), "attachment; filename=\"%s\"", view.file_name);
	MHD_add_response_header(response, "Content-Type", "application/vnd.sbt.gmi+zip");
	MHD_add_response_header(response, "Content-Disposition", disposition);
	MHD_add_response_header(response, "Cache-Control", "no-store");
	/* nginx: do not gather the file on the device's small disks. */
	MHD_add_response_header(response, "X-Accel-Buffering", "no");
	return gmi_respond_with(request, 200, response, err);
}

int gmi_route_file(struct gmi_request *request, struct gmi_error *err)
{
	if (gmi_request_find_job(request, err) < 0)
		return -1;
	/* A backup can be sent once: who only asks for the head must not use that up. */
	if (!request->head) {
		if (gmi_job_stream_open(request->job, err) < 0)
			return -1;
		request->streaming = true;
	}
	return respond_with_file(request, err);
}

void gmi_route_file_ended(struct gmi_request *request, bool ok)
{
	if (request->streaming)
		gmi_job_stream_close(request->job, ok);
}

/* ---- in ---- */

#define RANGES_PER_ANSWER 16
#define WAIT_SECONDS_MAX 60

static int find_pull(struct gmi_request *request, struct gmi_pull_source **pull,
		     struct gmi_error *err)
{
	if (gmi_request_find_job(request, err) < 0)
		return -1;
	*pull = gmi_job_pull(request->job);
	if (!*pull)
		return gmi_fail(err, GMI_E_CONFLICT, "a backup wants no bytes");
	return 0;
}

int gmi_route_wanted(struct gmi_request *request, struct gmi_error *err)
{
	struct gmi_range ranges[RANGES_PER_ANSWER];
	struct gmi_pull_source *pull;
	struct gmi_job_view view;
	uint64_t wait = 0;
	size_t count;
	bool there;
	json_t *list;

	if (find_pull(request, &pull, err) < 0 ||
	    gmi_request_number(request, "wait", &wait, &there, err) < 0)
		return -1;
	wait = gmi_min_u64(wait, WAIT_SECONDS_MAX);
	if (gmi_pull_source_wanted(pull, (unsigned int)wait * 1000, ranges, RANGES_PER_ANSWER,
				   &count, err) < 0)
		return -1;
	gmi_job_view(request->job, &view);
	list = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_pack("{s:I, s:i}", "offset",
						      (json_int_t)ranges[i].offset, "length",
						      (int)ranges[i].length));
	return gmi_respond_json(request, 200,
				json_pack("{s:s, s:o}", "state",
					  view.state == GMI_JOB_RUNNING     ? "running"
					  : view.state == GMI_JOB_SUCCEEDED ? "succeeded"
									    : "failed",
					  "ranges", list),
				NULL, err);
}

int gmi_route_bytes_begin(struct gmi_request *request, struct gmi_error *err)
{
	struct gmi_pull_source *pull;
	struct gmi_range range;
	bool there;

	if (find_pull(request, &pull, err) < 0 ||
	    gmi_request_number(request, "offset", &range.offset, &there, err) < 0)
		return -1;
	if (!there || request->announced > GMI_RANGE_LENGTH_MAX || request->announced == 0)
		return gmi_fail(err, GMI_E_USAGE,
				"offset and Content-Length have to name a range that is wanted");
	range.length = (uint32_t)request->announced;
	if (gmi_pull_source_receive_begin(pull, &range, &request->ticket, err) < 0)
		return -1;
	request->receiving = true;
	return 0;
}

int gmi_route_bytes_take(struct gmi_request *request, const void *data, size_t length,
			 struct gmi_error *err)
{
	return gmi_pull_source_receive(gmi_job_pull(request->job), request->ticket, data, length,
				       err);
}

int gmi_route_bytes(struct gmi_request *request, struct gmi_error *err)
{
	request->receiving = false;
	if (gmi_pull_source_receive_end(gmi_job_pull(request->job), request->ticket, true, err) < 0)
		return -1;
	return gmi_respond_empty(request, 204, err);
}

void gmi_route_bytes_ended(struct gmi_request *request, bool ok)
{
	struct gmi_error err;

	(void)ok;
	if (request->receiving)
		(void)!gmi_pull_source_receive_end(gmi_job_pull(request->job), request->ticket,
						   false, &err);
}
