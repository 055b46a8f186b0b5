#include "base/report.h"

#include "base/checked.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int gmi_report_init(struct gmi_report *report, struct gmi_error *err)
{
	pthread_condattr_t monotonic;

	memset(report, 0, sizeof(*report));
	/* All at once: during a job nothing is allocated for the log. */
	report->lines = calloc(GMI_REPORT_LINES, sizeof(*report->lines));
	if (!report->lines)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for the log");
	pthread_mutex_init(&report->lock, NULL);
	pthread_condattr_init(&monotonic);
	/* Set clocks must not stretch a wait: instruments without a battery jump by years. */
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&report->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return 0;
}

void gmi_report_release(struct gmi_report *report)
{
	if (!report->lines)
		return;
	free(report->lines);
	report->lines = NULL;
	pthread_cond_destroy(&report->changed);
	pthread_mutex_destroy(&report->lock);
}

void gmi_report_phase(struct gmi_report *report, enum gmi_phase phase, uint64_t total)
{
	pthread_mutex_lock(&report->lock);
	report->progress.phase = phase;
	report->progress.done = 0;
	report->progress.total = total;
	report->generation++;
	pthread_cond_broadcast(&report->changed);
	pthread_mutex_unlock(&report->lock);
}

void gmi_report_done(struct gmi_report *report, uint64_t more_bytes)
{
	pthread_mutex_lock(&report->lock);
	report->progress.done =
		gmi_min_u64(report->progress.done + more_bytes, report->progress.total);
	pthread_mutex_unlock(&report->lock);
}

void gmi_report_moved(struct gmi_report *report, uint64_t more_bytes)
{
	pthread_mutex_lock(&report->lock);
	report->progress.moved += more_bytes;
	pthread_mutex_unlock(&report->lock);
}

void gmi_report_say(struct gmi_report *report, const char *format, ...)
{
	struct gmi_report_line line;
	struct timespec now;
	va_list args;

	clock_gettime(CLOCK_REALTIME, &now);
	line.unix_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	va_start(args, format);
	vsnprintf(line.text, sizeof(line.text), format, args);
	va_end(args);
	gmi_text_clean(line.text); /* it may have been cut within a character */

	pthread_mutex_lock(&report->lock);
	if (report->line_count < GMI_REPORT_LINES)
		report->lines[report->line_count++] = line;
	else
		report->dropped++;
	report->generation++;
	pthread_cond_broadcast(&report->changed);
	pthread_mutex_unlock(&report->lock);
}

struct gmi_progress gmi_report_progress(struct gmi_report *report)
{
	struct gmi_progress progress;

	pthread_mutex_lock(&report->lock);
	progress = report->progress;
	pthread_mutex_unlock(&report->lock);
	return progress;
}

bool gmi_report_line(struct gmi_report *report, uint32_t index, struct gmi_report_line *line)
{
	bool there;

	pthread_mutex_lock(&report->lock);
	there = index < report->line_count;
	if (there)
		*line = report->lines[index];
	pthread_mutex_unlock(&report->lock);
	return there;
}

void gmi_report_touch(struct gmi_report *report)
{
	pthread_mutex_lock(&report->lock);
	report->generation++;
	pthread_cond_broadcast(&report->changed);
	pthread_mutex_unlock(&report->lock);
}

uint64_t gmi_report_wait(struct gmi_report *report, uint64_t seen, unsigned int milliseconds)
{
	struct timespec until;
	uint64_t generation;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += milliseconds / 1000;
	until.tv_nsec += (long)(milliseconds % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&report->lock);
	while (report->generation == seen &&
	       pthread_cond_timedwait(&report->changed, &report->lock, &until) == 0)
		;
	generation = report->generation;
	pthread_mutex_unlock(&report->lock);
	return generation;
}

const char *gmi_phase_name(enum gmi_phase phase)
{
	switch (phase) {
	case GMI_PHASE_PREPARE:
		return "prepare";
	case GMI_PHASE_READ:
		return "read";
	case GMI_PHASE_COMPARE:
		return "compare";
	case GMI_PHASE_WRITE:
		return "write";
	case GMI_PHASE_VERIFY:
		return "verify";
	case GMI_PHASE_FINISH:
		return "finish";
	case GMI_PHASE_COUNT:
		break;
	}
	return "unknown";
}
