#include "base/crew.h"

#include <pthread.h>
#include <stdlib.h>

struct crew {
	const struct gmi_crew_task *task;
	pthread_mutex_t lock;
	bool failed;
	struct gmi_error error; /* the first one; the others follow from it */
};

struct member {
	struct crew *crew;
	unsigned int number;
	pthread_t thread;
};

static void *work(void *context)
{
	struct member *member = context;
	struct crew *crew = member->crew;
	const struct gmi_crew_task *task = crew->task;
	struct gmi_crew_item item;
	struct gmi_error err;

	pthread_mutex_lock(&crew->lock);
	while (!crew->failed && task->next(task->context, &item)) {
		int result;

		pthread_mutex_unlock(&crew->lock);
		result = task->work(task->context, member->number, &item, &err);
		pthread_mutex_lock(&crew->lock);
		if (result < 0 && !crew->failed) {
			crew->failed = true;
			crew->error = err;
		}
	}
	pthread_mutex_unlock(&crew->lock);
	return NULL;
}

int gmi_crew_run(unsigned int members, const struct gmi_crew_task *task, struct gmi_error *err)
{
	struct crew crew = { .task = task };
	struct member *list = calloc(members, sizeof(*list));
	unsigned int started = 0;

	if (!list)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for %u threads", members);
	pthread_mutex_init(&crew.lock, NULL);
	for (; started < members; started++) {
		list[started] = (struct member){ .crew = &crew, .number = started };
		if (pthread_create(&list[started].thread, NULL, work, &list[started]) != 0)
			break;
	}
	/* Fewer threads than asked for do the same work, only slower. */
	if (started == 0) {
		crew.failed = true;
		gmi_fail(&crew.error, GMI_E_SYSTEM, "cannot start a worker thread");
	}
	for (unsigned int i = 0; i < started; i++)
		pthread_join(list[i].thread, NULL);
	pthread_mutex_destroy(&crew.lock);
	free(list);
	if (crew.failed)
		*err = crew.error;
	return crew.failed ? -1 : 0;
}
