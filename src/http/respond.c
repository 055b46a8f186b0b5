/* What routes ask of a request, and how they answer it. */
#include "http/access.h"
#include "http/problem.h"
#include "http/request.h"

#include <stdlib.h>
#include <string.h>

int gmi_request_find_job(struct gmi_request *request, struct gmi_error *err)
{
	return gmi_service_find(request->service, request->job_id, &request->job, err);
}

int gmi_request_number(const struct gmi_request *request, const char *name, uint64_t *value,
		       bool *there, struct gmi_error *err)
{
	const char *text =
		MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);

	*there = text != NULL;
	*value = 0;
	if (!text)
		return 0;
	if (*text == '\0' || strlen(text) > 18 || strspn(text, "0123456789") != strlen(text))
		return gmi_fail(err, GMI_E_USAGE, "the parameter \"%s\" has to be a number", name);
	*value = strtoull(text, NULL, 10);
	return 0;
}

int gmi_request_json(const struct gmi_request *request, json_t **json, struct gmi_error *err)
{
	json_error_t where;

	if (request->json_length == 0) {
		*json = json_object();
		return 0;
	}
	*json = json_loadb(request->json, request->json_length, JSON_REJECT_DUPLICATES, &where);
	if (!json_is_object(*json)) {
		json_decref(*json);
		*json = NULL;
		return gmi_fail(err, GMI_E_USAGE, "the body is not a JSON object");
	}
	return 0;
}

int gmi_respond_with(struct gmi_request *request, unsigned int status,
		     struct MHD_Response *response, struct gmi_error *err)
{
	enum MHD_Result result;

	gmi_access_add_headers(response);
	result = MHD_queue_response(request->connection, status, response);
	MHD_destroy_response(response);
	if (result != MHD_YES)
		return gmi_fail(err, GMI_E_SYSTEM, "the answer could not be sent");
	request->answered = true;
	return 0;
}

int gmi_respond_empty(struct gmi_request *request, unsigned int status, struct gmi_error *err)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);

	if (!response)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for an answer");
	return gmi_respond_with(request, status, response, err);
}

static struct MHD_Response *json_response(json_t *json, const char *type)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	struct MHD_Response *response;

	json_decref(json);
	if (!text)
		return NULL;
	response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(text);
		return NULL;
	}
	MHD_add_response_header(response, "Content-Type", type);
	MHD_add_response_header(response, "Cache-Control", "no-store");
	return response;
}

int gmi_respond_json(struct gmi_request *request, unsigned int status, json_t *json,
		     const char *location, struct gmi_error *err)
{
	struct MHD_Response *response = json_response(json, "application/json");

	if (!response)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for an answer");
	if (location)
		MHD_add_response_header(response, "Location", location);
	return gmi_respond_with(request, status, response, err);
}

int gmi_respond_problem(struct gmi_request *request, unsigned int status, const char *allow)
{
	json_t *json = gmi_problem_json(&request->error, GMI_DEVICE_UNCHANGED, GMI_JOB_RESTORE);
	enum gmi_device_state state = gmi_service_device_state(request->service);
	struct MHD_Response *response;
	struct gmi_device_view device;
	struct gmi_job_view view;
	struct gmi_job *running;
	struct gmi_error ignored;

	if (json && status != gmi_problem_status(request->error.code))
		json_object_set_new(json, "status", json_integer((json_int_t)status));
	/* A refusal does nothing to the device, but an earlier restore may have. */
	if (json)
		json_object_set_new(json, "device", json_string(gmi_device_state_name(state)));
	/* Members that a program can use: which program, which job. */
	if (json && request->error.code == GMI_E_PROGRAM_RUNS &&
	    gmi_service_device(request->service, &device, &ignored) == 0)
		json_object_set_new(json, "program", json_string(device.program));
	if (json && request->error.code == GMI_E_JOB_RUNS &&
	    gmi_service_find(request->service, 0, &running, &ignored) == 0) {
		gmi_job_view(running, &view);
		/* It may be another gmi that holds the disks; then the job is an old one. */
		if (view.state == GMI_JOB_RUNNING)
			json_object_set_new(json, "job",
					    json_sprintf("%llu", (unsigned long long)view.id));
		gmi_job_put(running);
	}
	response = json_response(json, "application/problem+json");
	if (!response)
		return -1;
	if (allow && *allow)
		MHD_add_response_header(response, "Allow", allow);
	return gmi_respond_with(request, status, response, &ignored);
}
