/*
 * What a running backup, restore or verification lets others see of itself: a phase, two counters
 * and a text log.
 *
 * The work owns the writing side and never waits for a reader or calls one; a reader (the job, the
 * command line) looks when it likes, from any thread. This is why no stage has to call upward. The
 * log is bounded: it keeps the first lines and counts what it had to drop.
 */
#ifndef GMI_BASE_REPORT_H
#define GMI_BASE_REPORT_H

#include "base/error.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define GMI_REPORT_LINES 512
#define GMI_REPORT_LINE_LENGTH 240

enum gmi_phase {
	GMI_PHASE_PREPARE, /* reading tables, used maps, checking the file */
	GMI_PHASE_READ,    /* backup: reading, compressing, sending */
	GMI_PHASE_COMPARE, /* restore: comparing, and checking what has to be fetched */
	GMI_PHASE_WRITE,   /* restore: writing */
	GMI_PHASE_VERIFY,  /* reading back */
	GMI_PHASE_FINISH,  /* releasing, hooks */
	GMI_PHASE_COUNT,
};

struct gmi_report_line {
	int64_t unix_ms; /* when it was said */
	char text[GMI_REPORT_LINE_LENGTH];
};

struct gmi_progress {
	enum gmi_phase phase;
	uint64_t done;  /* bytes of the phase; 0 <= done <= total */
	uint64_t total; /* 0 while it is not known */
	uint64_t moved; /* bytes that crossed the link or went into the file, all phases together */
};

struct gmi_report {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* signalled at each line and phase, not at each byte */
	struct gmi_progress progress;
	uint64_t generation; /* grows with each line and phase */
	struct gmi_report_line *lines;
	uint32_t line_count;
	uint32_t dropped;
};

GMI_MUST_CHECK int gmi_report_init(struct gmi_report *report, struct gmi_error *err);
void gmi_report_release(struct gmi_report *report);

/* Writing side. */
void gmi_report_phase(struct gmi_report *report, enum gmi_phase phase, uint64_t total);
void gmi_report_done(struct gmi_report *report, uint64_t more_bytes);
void gmi_report_moved(struct gmi_report *report, uint64_t more_bytes);
void gmi_report_say(struct gmi_report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Reading side. */
struct gmi_progress gmi_report_progress(struct gmi_report *report);
/* Copies line number `index` (from 0); false if there is none yet. */
bool gmi_report_line(struct gmi_report *report, uint32_t index, struct gmi_report_line *line);

/* Lets waiting readers look again, for a change that is neither a line nor a phase. */
void gmi_report_touch(struct gmi_report *report);

/* Waits until the generation differs from `seen`, at most that long. Returns the generation. */
uint64_t gmi_report_wait(struct gmi_report *report, uint64_t seen, unsigned int milliseconds);

const char *gmi_phase_name(enum gmi_phase phase); /* "read", "compare", ... stable */

#endif
