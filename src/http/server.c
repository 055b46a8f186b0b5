#include "http/server.h"

#include "base/checked.h"
#include "base/cleanup.h"
#include "http/access.h"
#include "http/page.h"
#include "http/problem.h"
#include "http/routes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Enough for a thousand idle connections beside the ones that work. */
#define CONNECTIONS_MAX 1200
/* Disks, pipes of hooks, and what the system's libraries open for a moment. */
#define DESCRIPTORS_BESIDE 100
/* A connection that says nothing for so long is closed... */
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

/* ---- what routes use ---- */

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
		return gmi_fail(err, GMI_E_USAGE, "%s has to be a number", name);
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

/* ---- from head to answer ---- */

static enum MHD_Result respond_problem(struct gmi_request *request, unsigned int status,
				       const char *allow)
{
	json_t *json = gmi_problem_json(&request->error, GMI_DEVICE_UNCHANGED, GMI_JOB_RESTORE);
	struct MHD_Response *response;
	struct gmi_device_view device;
	struct gmi_job_view view;
	struct gmi_job *running;
	struct gmi_error ignored;

	if (json && status != gmi_problem_status(request->error.code))
		json_object_set_new(json, "status", json_integer((json_int_t)status));
	/* A refusal does nothing to the device, but an earlier restore may have left it incomplete.
	 */
	if (json && gmi_service_find(request->service, 0, &running, &ignored) == 0) {
		gmi_job_view(running, &view);
		if (view.device == GMI_DEVICE_INCOMPLETE)
			json_object_set_new(json, "device",
					    json_string(gmi_device_state_name(view.device)));
		gmi_job_put(running);
	}
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
		return MHD_NO;
	if (allow && *allow)
		MHD_add_response_header(response, "Allow", allow);
	return gmi_respond_with(request, status, response, &ignored) == 0 ? MHD_YES : MHD_NO;
}

static enum MHD_Result respond_failure(struct gmi_request *request)
{
	return respond_problem(request, gmi_problem_status(request->error.code), NULL);
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
		return respond_failure(request);
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
		return respond_failure(request);
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
	return respond_failure(request);
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

/* "127.0.0.1:8420" or "[::1]:8420" into an address. */
static int parse_listen(const char *listen, struct sockaddr_storage *address, socklen_t *length,
			struct gmi_error *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE };
	struct addrinfo *found = NULL;
	const char *colon = strrchr(listen, ':');
	char host[128];
	size_t size = colon ? (size_t)(colon - listen) : 0;

	if (!colon || size == 0 || size >= sizeof(host))
		return gmi_fail(err, GMI_E_PROFILE, "listen address %.100s: ADDRESS:PORT is needed",
				listen);
	memcpy(host, listen, size);
	host[size] = '\0';
	if (host[0] == '[' && host[size - 1] == ']') {
		memmove(host, host + 1, size - 2);
		host[size - 2] = '\0';
	}
	if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
		return gmi_fail(err, GMI_E_PROFILE, "listen address %.100s: ADDRESS:PORT is needed",
				listen);
	memcpy(address, found->ai_addr, found->ai_addrlen);
	*length = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

/* `listen` is the name of the parameter below. */
static int listen_on(int fd)
{
	return listen(fd, 128);
}

/* A socket of our own, so that a port in use is told in plain words. */
static int open_socket(const char *listen, int *fd, char url[160], struct gmi_error *err)
{
	GMI_AUTO_FD int opened = -1;
	struct sockaddr_storage address;
	socklen_t length;
	char host[NI_MAXHOST];
	char port[NI_MAXSERV];
	int one = 1;

	if (parse_listen(listen, &address, &length, err) < 0)
		return -1;
	opened = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (opened < 0)
		return gmi_fail_errno(err, "no socket");
	setsockopt(opened, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(opened, (struct sockaddr *)&address, length) < 0 || listen_on(opened) < 0) {
		if (errno == EADDRINUSE)
			return gmi_fail(err, GMI_E_SYSTEM,
					"cannot listen on %s: another program, perhaps another "
					"gmid, does already",
					listen);
		return gmi_fail_errno(err, "cannot listen on %s", listen);
	}
	length = sizeof(address);
	getsockname(opened, (struct sockaddr *)&address, &length);
	getnameinfo((struct sockaddr *)&address, length, host, sizeof(host), port, sizeof(port),
		    NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(url, 160,
		 address.ss_family == AF_INET6 ? "http://[%.100s]:%s/" : "http://%.100s:%s/", host,
		 port);
	*fd = gmi_fd_steal(&opened);
	return 0;
}

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
	if (open_socket(listen, &fd, url, err) < 0) {
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
