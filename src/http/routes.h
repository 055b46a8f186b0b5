/* The routes of /api/v1, one file per subject; router.c finds among them. Internal to src/http. */
#ifndef GMI_HTTP_ROUTES_H
#define GMI_HTTP_ROUTES_H

#include "http/request.h"

int gmi_route_device(struct gmi_request *request, struct gmi_error *err);
int gmi_route_restart(struct gmi_request *request, struct gmi_error *err);
int gmi_route_backup(struct gmi_request *request, struct gmi_error *err);
int gmi_route_restore(struct gmi_request *request, struct gmi_error *err);
int gmi_route_job(struct gmi_request *request, struct gmi_error *err);
int gmi_route_events(struct gmi_request *request, struct gmi_error *err);
int gmi_route_file(struct gmi_request *request, struct gmi_error *err);
void gmi_route_file_ended(struct gmi_request *request, bool ok);
int gmi_route_wanted(struct gmi_request *request, struct gmi_error *err);
int gmi_route_source(struct gmi_request *request, struct gmi_error *err);
int gmi_route_bytes_begin(struct gmi_request *request, struct gmi_error *err);
int gmi_route_bytes_take(struct gmi_request *request, const void *data, size_t length,
			 struct gmi_error *err);
int gmi_route_bytes(struct gmi_request *request, struct gmi_error *err);
void gmi_route_bytes_ended(struct gmi_request *request, bool ok);

/*
 * The route for a method and path, with the path's job number; NULL if the path is unknown, or
 * known with other methods: those then go to `allow` ("GET, POST"), else it is empty.
 */
const struct gmi_route *gmi_router_find(const char *method, const char *path, uint64_t *job_id,
					char allow[32]);

#endif
