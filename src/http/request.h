/*
 * One request on its way: made by server.c when its head has come, handed to its route, and ended
 * whatever happens to the connection. Internal to src/http.
 *
 * A route is called in this order, in the connection's thread:
 *   begin    the head is there; may fail: the body is thrown away then, and the problem sent
 *   take     each piece of a raw body (NULL with JSON bodies: server.c gathers them)
 *   finish   the body is complete: answers by gmi_respond_*()
 *   ended    always, also when the connection broke; `ok`: the answer went out whole
 */
#ifndef GMI_HTTP_REQUEST_H
#define GMI_HTTP_REQUEST_H

#include "base/error.h"
#include "job/job.h"

#include <jansson.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdbool.h>

#define GMI_JSON_BODY_MAX (64u << 10)

struct gmi_server;
struct gmi_request;

enum gmi_body_kind { GMI_BODY_NONE, GMI_BODY_JSON, GMI_BODY_RAW };

struct gmi_route {
	const char *method;
	const char *path; /* "{id}" stands for a job's number or "current" */
	enum gmi_body_kind body;
	int (*begin)(struct gmi_request *request, struct gmi_error *err);
	int (*take)(struct gmi_request *request, const void *data, size_t length,
		    struct gmi_error *err);
	int (*finish)(struct gmi_request *request, struct gmi_error *err);
	void (*ended)(struct gmi_request *request, bool ok);
};

struct gmi_request {
	struct gmi_server *server;
	struct gmi_service *service;
	struct MHD_Connection *connection;
	const struct gmi_route *route;
	const char *url;
	uint64_t job_id;     /* of the path; 0 for "current" */
	struct gmi_job *job; /* found by the route, given back at the end */
	char *json;          /* a gathered body, NUL-terminated */
	size_t json_length;
	uint64_t announced; /* Content-Length; UINT64_MAX if there is none */
	uint64_t ticket;    /* of a range that is being received */
	bool receiving;
	bool head;      /* HEAD: the answer's head only */
	bool streaming; /* this request is the consumer of its job's backup */
	bool failed;    /* error is to be sent once the body has been read */
	bool answered;
	struct gmi_error error;
};

/* Finds the job of the path into request->job. */
GMI_MUST_CHECK int gmi_request_find_job(struct gmi_request *request, struct gmi_error *err);

/* Whole parameters; *there false where it is not given. GMI_E_USAGE where it is no number. */
GMI_MUST_CHECK int gmi_request_number(const struct gmi_request *request, const char *name,
				      uint64_t *value, bool *there, struct gmi_error *err);

/* The gathered body as a JSON object. Free with json_decref(). */
GMI_MUST_CHECK int gmi_request_json(const struct gmi_request *request, json_t **json,
				    struct gmi_error *err);

bool gmi_server_is_stopping(const struct gmi_server *server);

/* Answers. Each takes the JSON; the request is answered then. */
GMI_MUST_CHECK int gmi_respond_json(struct gmi_request *request, unsigned int status, json_t *json,
				    const char *location, struct gmi_error *err);
GMI_MUST_CHECK int gmi_respond_empty(struct gmi_request *request, unsigned int status,
				     struct gmi_error *err);
/* What stands in request->error, as problem details; `allow` (may be NULL) names methods for a 405.
 */
GMI_MUST_CHECK int gmi_respond_problem(struct gmi_request *request, unsigned int status,
				       const char *allow);
/* Queues a response made elsewhere; takes it. */
GMI_MUST_CHECK int gmi_respond_with(struct gmi_request *request, unsigned int status,
				    struct MHD_Response *response, struct gmi_error *err);

#endif
