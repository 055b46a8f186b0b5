/* How fast a phase goes and when it will be over, smoothed for the eye. Internal to src/job. */
#ifndef GMI_JOB_RATE_H
#define GMI_JOB_RATE_H

#include "base/report.h"

#include <stdint.h>

struct gmi_rate {
	enum gmi_phase phase;
	bool running;
	double began; /* of the phase */
	double last;  /* look */
	uint64_t last_done;
	double bytes_per_second; /* 0: not known */
};

/* Call some times a second with the time in monotonic seconds. */
void gmi_rate_look(struct gmi_rate *rate, const struct gmi_progress *progress, double now);

/* -1: not known. */
int64_t gmi_rate_seconds_left(const struct gmi_rate *rate, const struct gmi_progress *progress);

#endif
