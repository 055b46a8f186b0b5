#include "cli/progress.h"

#include "base/checked.h"
#include "base/clock.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BAR_WIDTH 28
#define LOOKS_PER_SECOND 5

void gmi_bar_init(struct gmi_bar *bar, bool quiet)
{
	memset(bar, 0, sizeof(*bar));
	bar->terminal = !quiet && isatty(STDERR_FILENO);
	bar->phase = -1;
}

void gmi_bar_clear(const struct gmi_bar *bar)
{
	if (bar->terminal)
		fputs("\r\033[K", stderr);
}

void gmi_bar_draw(struct gmi_bar *bar, int phase, const char *word, uint64_t done, uint64_t total)
{
	char filled[BAR_WIDTH + 1];
	double elapsed;
	double rate;
	int cells;

	if (!bar->terminal || total == 0)
		return;
	done = gmi_min_u64(done, total); /* another device's figures are not to be trusted */
	if (phase != bar->phase) {
		bar->phase = phase;
		bar->began = gmi_clock_seconds();
		bar->before = done;
	}
	elapsed = gmi_clock_seconds() - bar->began;
	rate = elapsed > 0.5 ? (double)(done - bar->before) / elapsed : 0;
	cells = (int)((double)BAR_WIDTH * (double)done / (double)total);
	memset(filled, ' ', BAR_WIDTH);
	memset(filled, '=', (size_t)cells);
	filled[BAR_WIDTH] = '\0';
	fprintf(stderr, "\r\033[K%-8s [%s] %3d %%  %s of %s", word, filled,
		(int)(100.0 * (double)done / (double)total), gmi_text_bytes(done).text,
		gmi_text_bytes(total).text);
	if (rate > 0 && done < total)
		fprintf(stderr, "  %s/s  %s left", gmi_text_bytes((uint64_t)rate).text,
			gmi_text_seconds((uint64_t)((double)(total - done) / rate) + 1).text);
	fflush(stderr);
}

static const char *phase_word(enum gmi_phase phase)
{
	switch (phase) {
	case GMI_PHASE_READ:
		return "Reading";
	case GMI_PHASE_COMPARE:
		return "Compare";
	case GMI_PHASE_WRITE:
		return "Writing";
	case GMI_PHASE_VERIFY:
		return "Verify";
	case GMI_PHASE_PREPARE:
	case GMI_PHASE_FINISH:
	case GMI_PHASE_COUNT:
		break;
	}
	return "";
}

static void show(struct gmi_progress_view *view)
{
	struct gmi_progress progress = gmi_report_progress(view->report);
	struct gmi_report_line line;

	if (view->quiet)
		return;
	while (gmi_report_line(view->report, view->shown, &line)) {
		gmi_bar_clear(&view->bar);
		fprintf(stderr, "%s\n", line.text);
		view->shown++;
	}
	gmi_bar_draw(&view->bar, (int)progress.phase, phase_word(progress.phase), progress.done,
		     progress.total);
}

static void *run(void *context)
{
	struct gmi_progress_view *view = context;
	const struct timespec pause = { .tv_nsec = 1000000000 / LOOKS_PER_SECOND };

	while (!view->stop) {
		show(view);
		if (view->tick)
			view->tick(view->context);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

void gmi_progress_view_start(struct gmi_progress_view *view)
{
	gmi_bar_init(&view->bar, view->quiet);
	view->stop = false;
	view->running = pthread_create(&view->thread, NULL, run, view) == 0;
}

void gmi_progress_view_stop(struct gmi_progress_view *view)
{
	if (view->running) {
		view->stop = true;
		pthread_join(view->thread, NULL);
		view->running = false;
	}
	show(view);
	gmi_bar_clear(&view->bar);
}
