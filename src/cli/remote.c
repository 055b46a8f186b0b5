#include "cli/remote.h"

#include "base/text.h"
#include "cli/cli.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A pulled cable breaks no connection: then a request ends by these. */
#define GET_SECONDS 30L
#define PUT_SECONDS 120L

struct gmi_remote {
	CURL *curl;
	char base[512]; /* without the last slash */
	char message[CURL_ERROR_SIZE];
};

int gmi_remote_new(struct gmi_remote **out, const char *url, struct gmi_error *err)
{
	struct gmi_remote *remote;
	size_t length = strlen(url);

	*out = NULL;
	if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
		return gmi_fail(err, GMI_E_USAGE,
				"%.100s is no address; it looks like http://10.20.30.40:8420/",
				url);
	if (length >= sizeof(remote->base))
		return gmi_fail(err, GMI_E_USAGE, "the address is too long");
	remote = calloc(1, sizeof(*remote));
	if (remote)
		remote->curl = curl_easy_init();
	if (!remote || !remote->curl) {
		free(remote);
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a connection");
	}
	memcpy(remote->base, url, length + 1);
	while (length > 0 && remote->base[length - 1] == '/')
		remote->base[--length] = '\0';
	*out = remote;
	return 0;
}

void gmi_remote_free(struct gmi_remote *remote)
{
	if (!remote)
		return;
	curl_easy_cleanup(remote->curl);
	free(remote);
}

/* Called about once a second while a request is on its way. */
static int stop_if_interrupted(void *context, curl_off_t total, curl_off_t done,
			       curl_off_t up_total, curl_off_t up_done)
{
	(void)context, (void)total, (void)done, (void)up_total, (void)up_done;
	return gmi_interrupted();
}

static void set_up(struct gmi_remote *remote, const char *path)
{
	char url[1024];

	snprintf(url, sizeof(url), "%s%s", remote->base, path);
	curl_easy_reset(remote->curl);
	curl_easy_setopt(remote->curl, CURLOPT_URL, url);
	curl_easy_setopt(remote->curl, CURLOPT_ERRORBUFFER, remote->message);
	curl_easy_setopt(remote->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(remote->curl, CURLOPT_CONNECTTIMEOUT, 10L);
	curl_easy_setopt(remote->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	/* A device on a USB cable is not behind the lab's proxy. */
	curl_easy_setopt(remote->curl, CURLOPT_NOPROXY, "*");
	remote->message[0] = '\0';
}

/* For requests that may be given up: one that begins a job is heard out, or nobody would end it. */
static void set_impatient(struct gmi_remote *remote, long seconds)
{
	curl_easy_setopt(remote->curl, CURLOPT_TIMEOUT, seconds);
	curl_easy_setopt(remote->curl, CURLOPT_XFERINFOFUNCTION, stop_if_interrupted);
	curl_easy_setopt(remote->curl, CURLOPT_NOPROGRESS, 0L);
}

/* The device's own words for what went wrong. */
static int fail_with_problem(const json_t *problem, long status, struct gmi_error *err)
{
	const char *type = json_string_value(json_object_get(problem, "type"));
	const char *detail = json_string_value(json_object_get(problem, "detail"));
	const char *name = type ? strrchr(type, ':') : NULL;

	if (!detail)
		return gmi_fail(err, GMI_E_CLIENT,
				"the device answered with HTTP status %ld; is this a gmid?",
				status);
	gmi_fail(err, GMI_E_SYSTEM, "%s", detail);
	gmi_text_clean(err->message);
	err->message[0] = (char)tolower((unsigned char)err->message[0]);
	if (strlen(err->message) > 0 && err->message[strlen(err->message) - 1] == '.')
		err->message[strlen(err->message) - 1] = '\0';
	for (int code = 1; name && code < GMI_CODE_COUNT; code++) {
		if (strcmp(name + 1, gmi_code_name((enum gmi_code)code)) == 0)
			err->code = (enum gmi_code)code;
	}
	return -1;
}

static int perform(struct gmi_remote *remote, long *status, struct gmi_error *err)
{
	CURLcode code = curl_easy_perform(remote->curl);

	if (code == CURLE_ABORTED_BY_CALLBACK && gmi_interrupted())
		return gmi_fail(err, GMI_E_CANCELLED, "interrupted");
	if (code != CURLE_OK)
		return gmi_fail(err, GMI_E_CLIENT, "%s: %s", remote->base,
				remote->message[0] ? remote->message : curl_easy_strerror(code));
	curl_easy_getinfo(remote->curl, CURLINFO_RESPONSE_CODE, status);
	return 0;
}

static size_t gather(char *data, size_t size, size_t count, void *context)
{
	struct gmi_memory_sink *memory = context;
	struct gmi_error err;

	/* No answer with JSON is longer; a server that is none must not fill our memory. */
	if (memory->length + size * count > (4u << 20))
		return 0;
	return gmi_sink_write(&memory->sink, data, size * count, &err) < 0 ? 0 : size * count;
}

/* Performs what is set up, with the answer gathered and judged. */
static int exchange(struct gmi_remote *remote, json_t **answer, struct gmi_error *err)
{
	struct gmi_memory_sink body;
	long status = 0;
	json_t *json;
	int result;

	*answer = NULL;
	gmi_memory_sink_init(&body);
	curl_easy_setopt(remote->curl, CURLOPT_WRITEFUNCTION, gather);
	curl_easy_setopt(remote->curl, CURLOPT_WRITEDATA, &body);
	result = perform(remote, &status, err);
	json = result == 0 && body.length > 0
		       ? json_loadb((const char *)body.data, body.length, 0, NULL)
		       : NULL;
	gmi_memory_sink_release(&body);
	if (result == 0 && status >= 300)
		result = fail_with_problem(json, status, err);
	if (result < 0) {
		json_decref(json);
		return -1;
	}
	*answer = json;
	return 0;
}

int gmi_remote_call(struct gmi_remote *remote, const char *method, const char *path, json_t *body,
		    json_t **answer, struct gmi_error *err)
{
	struct curl_slist *headers = NULL;
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	int result;

	json_decref(body);
	set_up(remote, path);
	/* Longer than the hooks that stop a device's services may take. */
	curl_easy_setopt(remote->curl, CURLOPT_TIMEOUT, 600L);
	if (strcmp(method, "GET") == 0)
		set_impatient(remote, GET_SECONDS);
	curl_easy_setopt(remote->curl, CURLOPT_CUSTOMREQUEST, method);
	if (text) {
		headers = curl_slist_append(headers, "Content-Type: application/json");
		curl_easy_setopt(remote->curl, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(remote->curl, CURLOPT_POSTFIELDS, text);
	}
	result = exchange(remote, answer, err);
	curl_slist_free_all(headers);
	free(text);
	return result;
}

int gmi_remote_put(struct gmi_remote *remote, const char *path, const void *data, size_t length,
		   struct gmi_error *err)
{
	struct curl_slist *headers = NULL;
	json_t *answer;
	int result;

	set_up(remote, path);
	set_impatient(remote, PUT_SECONDS);
	headers = curl_slist_append(headers, "Content-Type: application/octet-stream");
	/* Without waiting for "100 Continue": the ranges are small and wanted. */
	headers = curl_slist_append(headers, "Expect:");
	curl_easy_setopt(remote->curl, CURLOPT_CUSTOMREQUEST, "PUT");
	curl_easy_setopt(remote->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(remote->curl, CURLOPT_POSTFIELDS, data);
	curl_easy_setopt(remote->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
	result = exchange(remote, &answer, err);
	json_decref(answer);
	curl_slist_free_all(headers);
	return result;
}

struct download {
	struct gmi_sink *sink;
	int (*tick)(void *context);
	void *context;
	struct gmi_error error; /* of the sink */
	bool failed;
};

static size_t receive(char *data, size_t size, size_t count, void *context)
{
	struct download *download = context;

	if (gmi_sink_write(download->sink, data, size * count, &download->error) < 0) {
		download->failed = true;
		return 0;
	}
	return size * count;
}

static int on_progress(void *context, curl_off_t total, curl_off_t done, curl_off_t up_total,
		       curl_off_t up_done)
{
	struct download *download = context;

	(void)total, (void)done, (void)up_total, (void)up_done;
	return download->tick(download->context);
}

int gmi_remote_download(struct gmi_remote *remote, const char *path, struct gmi_sink *sink,
			int (*tick)(void *context), void *context, struct gmi_error *err)
{
	struct download download = { .sink = sink, .tick = tick, .context = context };
	long status = 0;
	int result;

	set_up(remote, path);
	curl_easy_setopt(remote->curl, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(remote->curl, CURLOPT_WRITEFUNCTION, receive);
	curl_easy_setopt(remote->curl, CURLOPT_WRITEDATA, &download);
	curl_easy_setopt(remote->curl, CURLOPT_BUFFERSIZE, 512L << 10);
	curl_easy_setopt(remote->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(remote->curl, CURLOPT_XFERINFODATA, &download);
	curl_easy_setopt(remote->curl, CURLOPT_NOPROGRESS, 0L);
	result = perform(remote, &status, err);
	if (download.failed)
		*err = download.error;
	return result;
}

void gmi_remote_text(const json_t *object, const char *member, char *text, size_t size)
{
	const char *value = json_string_value(json_object_get(object, member));

	snprintf(text, size, "%s", value ? value : "");
	gmi_text_clean(text);
}

void gmi_remote_show(const json_t *job, size_t *shown, struct gmi_bar *bar, bool quiet)
{
	const json_t *log = json_object_get(job, "log");
	const char *phase = json_string_value(json_object_get(job, "phase"));
	char word[16];
	int number = 0;

	if (quiet)
		return;
	for (; *shown < json_array_size(log); (*shown)++) {
		const json_t *line = json_array_get(log, *shown);
		char text[512];

		gmi_remote_text(line, "text", text, sizeof(text));
		gmi_bar_clear(bar);
		fprintf(stderr, "%s\n", text);
	}
	if (!phase)
		return;
	while (number < GMI_PHASE_COUNT &&
	       strcmp(phase, gmi_phase_name((enum gmi_phase)number)) != 0)
		number++;
	if (number == GMI_PHASE_COUNT)
		return;
	snprintf(word, sizeof(word), "%s", phase);
	word[0] = (char)toupper((unsigned char)word[0]);
	gmi_bar_draw(bar, number, word, (uint64_t)json_integer_value(json_object_get(job, "done")),
		     (uint64_t)json_integer_value(json_object_get(job, "total")));
}

int gmi_remote_outcome(const json_t *job, struct gmi_error *err)
{
	const char *state = json_string_value(json_object_get(job, "state"));

	if (state && strcmp(state, "running") == 0)
		return 0;
	if (state && strcmp(state, "succeeded") == 0)
		return 1;
	return fail_with_problem(json_object_get(job, "problem"), 200, err);
}

void gmi_remote_next_step(const json_t *job, char *text, size_t size)
{
	gmi_remote_text(json_object_get(job, "problem"), "next", text, size);
}
