/*
 * A gmid somewhere else, spoken to over HTTP (docs/openapi.yaml). One thread per remote; make one
 * more for one more thread.
 */
#ifndef GMI_CLI_REMOTE_H
#define GMI_CLI_REMOTE_H

#include "base/error.h"
#include "base/source.h"
#include "cli/progress.h"

#include <jansson.h>
#include <stdbool.h>

struct gmi_remote; /* opaque */

/* url: http://ADDRESS[:PORT][/]. GMI_E_USAGE if it is none. */
GMI_MUST_CHECK int gmi_remote_new(struct gmi_remote **out, const char *url, struct gmi_error *err);
void gmi_remote_free(struct gmi_remote *remote);

/*
 * A request with a JSON body (takes it; NULL for none). *answer is a new reference, NULL for an
 * empty answer. A problem that the device reports becomes the error: its code, its detail.
 * GMI_E_CLIENT where the device cannot be reached.
 */
GMI_MUST_CHECK int gmi_remote_call(struct gmi_remote *remote, const char *method, const char *path,
				   json_t *body, json_t **answer, struct gmi_error *err);

/* Sends bytes. */
GMI_MUST_CHECK int gmi_remote_put(struct gmi_remote *remote, const char *path, const void *data,
				  size_t length, struct gmi_error *err);

/* Receives a body into the sink; `tick` is called some times a second and may stop it (nonzero). */
GMI_MUST_CHECK int gmi_remote_download(struct gmi_remote *remote, const char *path,
				       struct gmi_sink *sink, int (*tick)(void *context),
				       void *context, struct gmi_error *err);

/* Shows a job's new log lines and its bar. *shown counts the lines. */
void gmi_remote_show(const json_t *job, size_t *shown, struct gmi_bar *bar, bool quiet);

/* 1: succeeded, 0: still runs, -1: failed, and *err is its problem. */
int gmi_remote_outcome(const json_t *job, struct gmi_error *err);

/*
 * A text of an answer, "" if there is none. Cleaned: what comes from a device must not steer the
 * terminal.
 */
void gmi_remote_text(const json_t *object, const char *member, char *text, size_t size);

/* What the problem of a failed job says is to be done next. */
void gmi_remote_next_step(const json_t *job, char *text, size_t size);

#endif
