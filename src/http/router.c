#include "http/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct gmi_route routes[] = {
	{ "GET", "/api/v1/device", GMI_BODY_NONE, .finish = gmi_route_device },
	{ "POST", "/api/v1/restart", GMI_BODY_JSON, .finish = gmi_route_restart },
	{ "POST", "/api/v1/backups", GMI_BODY_JSON, .finish = gmi_route_backup },
	{ "POST", "/api/v1/restores", GMI_BODY_JSON, .finish = gmi_route_restore },
	{ "GET", "/api/v1/jobs/{id}", GMI_BODY_NONE, .finish = gmi_route_job },
	{ "GET", "/api/v1/jobs/{id}/events", GMI_BODY_NONE, .finish = gmi_route_events },
	{ "GET", "/api/v1/jobs/{id}/file", GMI_BODY_NONE, .finish = gmi_route_file,
	  .ended = gmi_route_file_ended },
	{ "GET", "/api/v1/jobs/{id}/wanted", GMI_BODY_NONE, .finish = gmi_route_wanted },
	{ "POST", "/api/v1/jobs/{id}/source", GMI_BODY_JSON, .finish = gmi_route_source },
	{ "PUT", "/api/v1/jobs/{id}/bytes", GMI_BODY_RAW, .begin = gmi_route_bytes_begin,
	  .take = gmi_route_bytes_take, .finish = gmi_route_bytes, .ended = gmi_route_bytes_ended },
};

/* Up to 18 digits without leading zero, or "current", which is 0. Returns what follows, or NULL. */
static const char *parse_id(const char *text, uint64_t *id)
{
	size_t digits = strspn(text, "0123456789");

	*id = 0;
	if (strncmp(text, "current", 7) == 0)
		return text + 7;
	if (digits == 0 || digits > 18 || text[0] == '0')
		return NULL;
	*id = strtoull(text, NULL, 10);
	return text + digits;
}

static bool matches(const char *pattern, const char *path, uint64_t *id)
{
	const char *hole = strstr(pattern, "{id}");
	size_t before = hole ? (size_t)(hole - pattern) : 0;
	const char *rest;

	if (!hole)
		return strcmp(pattern, path) == 0;
	if (strncmp(pattern, path, before) != 0)
		return false;
	rest = parse_id(path + before, id);
	return rest && strcmp(rest, hole + strlen("{id}")) == 0;
}

const struct gmi_route *gmi_router_find(const char *method, const char *path, uint64_t *job_id,
					char allow[32])
{
	size_t used = 0;

	allow[0] = '\0';
	*job_id = 0;
	/* HEAD is GET without the answer's body, which libmicrohttpd leaves out. */
	if (strcmp(method, "HEAD") == 0)
		method = "GET";
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		uint64_t id = 0;

		if (!matches(routes[i].path, path, &id))
			continue;
		*job_id = id;
		if (strcmp(routes[i].method, method) == 0)
			return &routes[i];
		used += (size_t)snprintf(allow + used, 32 - used, "%s%s", used ? ", " : "",
					 routes[i].method);
	}
	return NULL;
}
