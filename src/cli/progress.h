/*
 * Shows a report while the work runs: log lines as they come, and on a terminal a bar below them. A
 * thread of its own looks at the report some times a second; the work does not notice.
 */
#ifndef GMI_CLI_PROGRESS_H
#define GMI_CLI_PROGRESS_H

#include "base/report.h"

#include <pthread.h>
#include <stdbool.h>

/* The bar itself, for whoever has figures from elsewhere. */
struct gmi_bar {
	bool terminal;   /* else nothing is drawn */
	double began;    /* of the phase, monotonic seconds */
	uint64_t before; /* `done` then */
	int phase;
};

void gmi_bar_init(struct gmi_bar *bar, bool quiet);
void gmi_bar_draw(struct gmi_bar *bar, int phase, const char *word, uint64_t done, uint64_t total);
void gmi_bar_clear(const struct gmi_bar *bar);

struct gmi_progress_view {
	struct gmi_report *report;
	struct gmi_bar bar;
	bool quiet;
	void (*tick)(void *context); /* some times a second; may be NULL */
	void *context;
	uint32_t shown; /* log lines */
	pthread_t thread;
	bool running;
	_Atomic bool stop;
};

/* Set report, quiet, tick and context before; if no thread can be had, nothing is shown. */
void gmi_progress_view_start(struct gmi_progress_view *view);
void gmi_progress_view_stop(struct gmi_progress_view *view);

#endif
