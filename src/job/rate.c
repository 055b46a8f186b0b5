#include "job/rate.h"

/* Weight of what is new: after about four seconds half of what is shown is recent. */
#define WEIGHT_PER_SECOND 0.2
/* Before that a guess would only jump. */
#define SECONDS_BEFORE_A_GUESS 1.0

void gmi_rate_look(struct gmi_rate *rate, const struct gmi_progress *progress, double now)
{
	double seconds = now - rate->last;
	double current;
	double weight;

	if (!rate->running || rate->phase != progress->phase || progress->done < rate->last_done) {
		*rate = (struct gmi_rate){
			.phase = progress->phase,
			.running = true,
			.began = now,
			.last = now,
			.last_done = progress->done,
		};
		return;
	}
	if (seconds < 0.2)
		return;
	current = (double)(progress->done - rate->last_done) / seconds;
	weight = WEIGHT_PER_SECOND * seconds;
	if (weight > 1 || rate->bytes_per_second <= 0)
		weight = 1;
	rate->bytes_per_second += weight * (current - rate->bytes_per_second);
	rate->last = now;
	rate->last_done = progress->done;
}

int64_t gmi_rate_seconds_left(const struct gmi_rate *rate, const struct gmi_progress *progress)
{
	if (!rate->running || rate->phase != progress->phase || progress->total == 0 ||
	    rate->bytes_per_second < 1 || rate->last - rate->began < SECONDS_BEFORE_A_GUESS)
		return -1;
	return (int64_t)((double)(progress->total - progress->done) / rate->bytes_per_second + 0.9);
}
