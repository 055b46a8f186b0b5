/* Device, backups, jobs: what is answered with JSON. */
#include "base/cleanup.h"
#include "base/text.h"
#include "http/job_json.h"
#include "http/routes.h"

#include <stdio.h>

static void json_clear(json_t **json)
{
	json_decref(*json);
	*json = NULL;
}

int gmi_route_device(struct gmi_request *request, struct gmi_error *err)
{
	struct gmi_device_view view;
	struct gmi_error none;

	if (gmi_service_device(request->service, &view, err) < 0)
		return -1;
	if (gmi_service_find(request->service, 0, &request->job, &none) < 0)
		request->job = NULL;
	return gmi_respond_json(request, 200, gmi_device_json(&view, request->job), NULL, err);
}

int gmi_route_restart(struct gmi_request *request, struct gmi_error *err)
{
	if (gmi_service_restart(request->service, err) < 0)
		return -1;
	return gmi_respond_json(request, 202, json_pack("{s:s}", "state", "restarting"), NULL, err);
}

static int respond_with_job(struct gmi_request *request, unsigned int status, struct gmi_error *err)
{
	struct gmi_job_view view;
	char location[64];

	gmi_job_view(request->job, &view);
	snprintf(location, sizeof(location), "/api/v1/jobs/%llu", (unsigned long long)view.id);
	return gmi_respond_json(request, status, gmi_job_json(request->job, true),
				status == 201 ? location : NULL, err);
}

int gmi_route_backup(struct gmi_request *request, struct gmi_error *err)
{
	GMI_CLEANUP(json_clear) json_t *body = NULL;
	struct gmi_backup_request wanted = { .level = 0 };
	const json_t *level;
	const json_t *all;

	if (gmi_request_json(request, &body, err) < 0)
		return -1;
	level = json_object_get(body, "level");
	all = json_object_get(body, "allBlocks");
	if (level && (!json_is_integer(level) || json_integer_value(level) < 1 ||
		      json_integer_value(level) > 19))
		return gmi_fail(err, GMI_E_USAGE, "\"level\" is a number from 1 to 19");
	if (all && !json_is_boolean(all))
		return gmi_fail(err, GMI_E_USAGE, "\"allBlocks\" is true or false");
	wanted.level = level ? (int)json_integer_value(level) : 0;
	wanted.all_blocks = json_is_true(all);
	if (gmi_service_start_backup(request->service, &wanted, &request->job, err) < 0)
		return -1;
	return respond_with_job(request, 201, err);
}

/* {"fileName": ..., "fileLength": ...}; the name is only shown, never opened. */
static int parse_offer(const json_t *body, char name[256], uint64_t *length, struct gmi_error *err)
{
	const json_t *file_name = json_object_get(body, "fileName");
	const json_t *file_length = json_object_get(body, "fileLength");

	if (!json_is_string(file_name) || json_string_length(file_name) == 0)
		return gmi_fail(err, GMI_E_USAGE, "\"fileName\" is missing");
	if (!json_is_integer(file_length) || json_integer_value(file_length) < 0)
		return gmi_fail(err, GMI_E_USAGE, "\"fileLength\" is missing or no length");
	snprintf(name, 256, "%s", json_string_value(file_name));
	/* Cut at 255 bytes it may end within a character; and it goes into logs and pages. */
	gmi_text_clean(name);
	*length = (uint64_t)json_integer_value(file_length);
	return 0;
}

int gmi_route_restore(struct gmi_request *request, struct gmi_error *err)
{
	GMI_CLEANUP(json_clear) json_t *body = NULL;
	char name[256];
	uint64_t length;

	if (gmi_request_json(request, &body, err) < 0 ||
	    parse_offer(body, name, &length, err) < 0 ||
	    gmi_service_start_restore(request->service, name, length, &request->job, err) < 0)
		return -1;
	return respond_with_job(request, 201, err);
}

int gmi_route_source(struct gmi_request *request, struct gmi_error *err)
{
	GMI_CLEANUP(json_clear) json_t *body = NULL;
	struct gmi_pull_source *pull;
	char name[256];
	uint64_t length;

	if (gmi_request_json(request, &body, err) < 0 ||
	    parse_offer(body, name, &length, err) < 0 || gmi_request_find_job(request, err) < 0)
		return -1;
	pull = gmi_job_pull(request->job);
	if (!pull)
		return gmi_fail(err, GMI_E_CONFLICT, "a backup takes no file");
	if (gmi_pull_source_attach(pull, length, err) < 0)
		return -1;
	return respond_with_job(request, 200, err);
}

int gmi_route_job(struct gmi_request *request, struct gmi_error *err)
{
	if (gmi_request_find_job(request, err) < 0)
		return -1;
	return respond_with_job(request, 200, err);
}
