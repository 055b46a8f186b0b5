#include "http/server.h"

#include "base/checked.h"
#include "base/cleanup.h"
#include "http/access.h"
#include "http/listen.h"
#include "http/page.h"
#include "http/problem.h"
#include "http/routes.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Enough for a thousand idle connections beside the ones that work. */
#define CONNECTIONS_MAX 1200
/* Disks, pipes of hooks, and what the system's libraries open for a moment. */
#define DESCRIPTORS_BESIDE 100
/* A connection that says nothing for so long is closed, unless its request is at work
 * (patient_seconds). */
#define IDLE_SECONDS 15
/* Two JSON texts, a copy buffer, zstd's and libext2fs' needs are on the heap. */
#ifdef __SANITIZE_ADDRESS__
#define STACK_LENGTH (1u << 20)
#else
#define STACK_LENGTH (192u << 10)
#endif
/* A body that nobody wants is read and thrown away up to this, so that the answer is heard. */
#define UNWANTED_BODY_MAX (4u << 20)

struct gmi_server {
	struct MHD_Daemon *daemon;
	struct gmi_service *service;
	const struct gmi_profile *profile;
	atomic_bool stopping;
};

void gmi_server_begin_stop(struct gmi_server *server)
{
	atomic_store(&server->stopping, true);
}

bool gmi_server_is_stopping(const struct gmi_server *server)
{
	return atomic_load(&server->stopping);
}

/* ---- from head to answer ---- */

/* The problem that stands in request->error; status 0: what its code stands for. */
static enum MHD_Result respond_problem(struct gmi_request *request, unsigned int status,
				       const char *allow)
{
	if (status == 0)
		status = gmi_problem_status(request->error.code);
	return gmi_respond_problem(request, status, allow) == 0 ? MHD_YES : MHD_NO;
}

static struct gmi_request *request_new(struct gmi_server *server, struct MHD_Connection *connection)
{
	struct gmi_request *request = calloc(1, sizeof(*request));
	const char *length;

	if (!request)
		return NULL;
	request->server = server;
	request->service = server->service;
	request->connection = connection;
	request->announced = UINT64_MAX;
	length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
	if (length && strspn(length, "0123456789") == strlen(length) && strlen(length) <= 18)
		request->announced = strtoull(length, NULL, 10);
	return request;
}

/*
 * An idle connection, or a body that does not come, ends soon; but a handler may wait long for the
 * device, and a download for a slow computer.
 */
static void set_timeout(const struct gmi_request *request, unsigned int seconds)
{
	(void)MHD_set_connection_option(request->connection, MHD_CONNECTION_OPTION_TIMEOUT,
					seconds);
}

/* Longer than anything that a handler waits for. */
static unsigned int patient_seconds(const struct gmi_request *request)
{
	const struct gmi_profile *profile = request->server->profile;

	return profile->client_wait + 4 * profile->hooks.timeout + IDLE_SECONDS;
}

/* The head has come. An error stays in the request until its body has been read. */
static enum MHD_Result begin(struct gmi_request *request, const char *method, const char *url)
{
	const struct gmi_page_file *file;
	char allow[32];

	request->head = strcmp(method, "HEAD") == 0;
	request->route = gmi_router_find(method, url, &request->job_id, allow);
	if (!request->route) {
		file = gmi_page_find(url);
		if (file && (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0))
			return gmi_page_respond(request, file, &request->error) == 0 ? MHD_YES
										     : MHD_NO;
		gmi_fail(&request->error, GMI_E_NOT_FOUND, "there is nothing at %.200s", url);
		if (*allow || file) {
			gmi_fail(&request->error, GMI_E_USAGE, "%.200s cannot be used with %.20s",
				 url, method);
			return respond_problem(request, 405, file ? "GET, HEAD" : allow);
		}
		return respond_problem(request, 0, NULL);
	}
	if (request->route->body == GMI_BODY_NONE)
		set_timeout(request, patient_seconds(request));
	if (gmi_access_check(request, &request->error) < 0)
		request->failed = true;
	else if (request->route->body == GMI_BODY_JSON && request->announced != UINT64_MAX &&
		 request->announced > GMI_JSON_BODY_MAX)
		request->failed = gmi_fail(&request->error, GMI_E_USAGE,
					   "the body is longer than anything that makes sense") < 0;
	else if (request->route->begin && request->route->begin(request, &request->error) < 0)
		request->failed = true;
	/* What is too long to be thrown away is answered at once; the connection ends then. */
	if (request->failed && request->announced != UINT64_MAX &&
	    request->announced > UNWANTED_BODY_MAX)
		return respond_problem(request, 0, NULL);
	return MHD_YES;
}

static int gather_json(struct gmi_request *request, const char *data, size_t length,
		       struct gmi_error *err)
{
	char *grown;

	if (length > GMI_JSON_BODY_MAX - request->json_length)
		return gmi_fail(err, GMI_E_USAGE,
				"the body is longer than anything that makes sense");
	grown = realloc(request->json, request->json_length + length + 1);
	if (!grown)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a request");
	memcpy(grown + request->json_length, data, length);
	request->json = grown;
	request->json_length += length;
	request->json[request->json_length] = '\0';
	return 0;
}

static void take_body(struct gmi_request *request, const char *data, size_t length)
{
	int result = 0;

	if (request->failed || request->answered)
		return;
	if (request->route->body == GMI_BODY_JSON)
		result = gather_json(request, data, length, &request->error);
	else if (request->route->take)
		result = request->route->take(request, data, length, &request->error);
	request->failed = result < 0;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *data,
			      size_t *length, void **state)
{
	struct gmi_request *request = *state;

	(void)version;
	if (!request) {
		request = request_new(context, connection);
		*state = request;
		return request ? begin(request, method, url) : MHD_NO;
	}
	if (*length > 0) {
		take_body(request, data, *length);
		*length = 0;
		return MHD_YES;
	}
	if (request->answered)
		return MHD_YES;
	set_timeout(request, patient_seconds(request));
	if (!request->failed && request->route->finish(request, &request->error) == 0)
		return MHD_YES;
	return respond_problem(request, 0, NULL);
}

static void completed(void *context, struct MHD_Connection *connection, void **state,
		      enum MHD_RequestTerminationCode code)
{
	struct gmi_request *request = *state;

	(void)context, (void)connection;
	if (!request)
		return;
	if (request->route && request->route->ended)
		request->route->ended(request, code == MHD_REQUEST_TERMINATED_COMPLETED_OK);
	set_timeout(request, IDLE_SECONDS);
	gmi_job_put(request->job);
	free(request->json);
	free(request);
	*state = NULL;
}

/* ---- start and stop ---- */

/*
 * Many systems let a process have 1,024 descriptors unless it asks for more: idle connections would
 * use them up, and accept() would fail in a busy loop where the limit above lets them wait.
 */
static void allow_descriptors(void)
{
	struct rlimit limit;
	const rlim_t wanted = CONNECTIONS_MAX + DESCRIPTORS_BESIDE;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

int gmi_server_start(struct gmi_server **out, const char *listen, struct gmi_service *service,
		     const struct gmi_profile *profile, char url[160], struct gmi_error *err)
{
	struct gmi_server *server = calloc(1, sizeof(*server));
	int fd;

	*out = NULL;
	if (!server)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for the server");
	server->service = service;
	server->profile = profile;
	allow_descriptors();
	if (gmi_listen(listen, &fd, url, err) < 0) {
		free(server);
		return -1;
	}
	server->daemon = MHD_start_daemon(
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL |
			MHD_USE_ITC,
		0, NULL, NULL, handle, server, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
		IDLE_SECONDS, MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_LENGTH,
		MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_END);
	if (!server->daemon) {
		close(fd);
		free(server);
		return gmi_fail(err, GMI_E_SYSTEM, "the HTTP server cannot be started");
	}
	*out = server;
	return 0;
}

void gmi_server_stop(struct gmi_server *server)
{
	if (!server)
		return;
	gmi_server_begin_stop(server);
	MHD_stop_daemon(server->daemon);
	free(server);
}
