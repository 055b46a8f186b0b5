#include "job/aftermath.h"

#include <string.h>

void gmi_aftermath_init(struct gmi_aftermath *aftermath, const struct gmi_profile *profile)
{
	struct gmi_error ignored;

	memset(aftermath, 0, sizeof(*aftermath));
	aftermath->profile = profile;
	pthread_mutex_init(&aftermath->lock, NULL);
	/* Before the first job: programs that are not root could not make it. A job tells why not.
	 */
	if (gmi_programs_make_lock_file(profile, &ignored) < 0)
		return;
	gmi_aftermath_settle(aftermath);
}

void gmi_aftermath_release(struct gmi_aftermath *aftermath)
{
	gmi_programs_let_in(&aftermath->programs);
	pthread_mutex_destroy(&aftermath->lock);
}

/* Call with the lock. */
static enum gmi_mark_state state_of(const struct gmi_aftermath *aftermath, struct gmi_mark *mark)
{
	gmi_mark_read(aftermath->profile, mark);
	return mark->state != GMI_MARK_NONE ? mark->state : aftermath->remembered;
}

enum gmi_mark_state gmi_aftermath_state(struct gmi_aftermath *aftermath, struct gmi_mark *mark)
{
	enum gmi_mark_state state;

	pthread_mutex_lock(&aftermath->lock);
	state = state_of(aftermath, mark);
	pthread_mutex_unlock(&aftermath->lock);
	return state;
}

void gmi_aftermath_note(struct gmi_aftermath *aftermath, enum gmi_mark_state left, bool whole,
			struct gmi_programs_lock programs)
{
	struct gmi_mark mark;

	pthread_mutex_lock(&aftermath->lock);
	/* An earlier restore wrote what this one found in order. */
	if (whole && left == GMI_MARK_NONE && aftermath->remembered == GMI_MARK_INCOMPLETE)
		left = GMI_MARK_RESTORED;
	if (left != GMI_MARK_NONE)
		aftermath->remembered = left;
	/* What a mark tells is not remembered beside it: the mark goes, and then nothing is left.
	 */
	gmi_mark_read(aftermath->profile, &mark);
	if (mark.state != GMI_MARK_NONE)
		aftermath->remembered = GMI_MARK_NONE;
	if (programs.held && state_of(aftermath, &mark) != GMI_MARK_NONE)
		aftermath->programs = programs;
	else
		gmi_programs_let_in(&programs);
	pthread_mutex_unlock(&aftermath->lock);
}

void gmi_aftermath_settle(struct gmi_aftermath *aftermath)
{
	struct gmi_error ignored;
	struct gmi_mark mark;

	pthread_mutex_lock(&aftermath->lock);
	if (state_of(aftermath, &mark) == GMI_MARK_NONE)
		gmi_programs_let_in(&aftermath->programs);
	else if (gmi_programs_keep_out(&aftermath->programs, aftermath->profile, &ignored) < 0) {
		/* A program was quicker; the next time may do. */
	}
	pthread_mutex_unlock(&aftermath->lock);
}

void gmi_aftermath_restart(struct gmi_aftermath *aftermath)
{
	pthread_mutex_lock(&aftermath->lock);
	/* A restart mends nothing: what is incomplete stays so. */
	if (aftermath->remembered == GMI_MARK_RESTORED)
		aftermath->remembered = GMI_MARK_NONE;
	pthread_mutex_unlock(&aftermath->lock);
	gmi_aftermath_settle(aftermath);
}
