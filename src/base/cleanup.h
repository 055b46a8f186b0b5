/*
 * Scope-bound cleanup: `GMI_CLEANUP(gmi_fd_clear) int fd = -1;` closes when the scope ends.
 *
 * What leaves the scope alive is stolen explicitly (gmi_fd_steal, gmi_ptr_steal), so that ownership
 * is visible at the place where it moves.
 */
#ifndef GMI_BASE_CLEANUP_H
#define GMI_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define GMI_CLEANUP(function) __attribute__((cleanup(function)))
#define GMI_AUTO_FREE GMI_CLEANUP(gmi_free_clear)
#define GMI_AUTO_FD GMI_CLEANUP(gmi_fd_clear)

static inline void gmi_free_clear(void *pointer_to_pointer)
{
	void **pointer = pointer_to_pointer;

	free(*pointer);
	*pointer = NULL;
}

/* For descriptors that were only read. A written one is synced and closed with gmi_close_written().
 */
static inline void gmi_fd_clear(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline int gmi_fd_steal(int *fd)
{
	int value = *fd;

	*fd = -1;
	return value;
}

#define gmi_ptr_steal(pointer_to_pointer) \
	({ \
		__auto_type steal_from = (pointer_to_pointer); \
		__auto_type steal_value = *steal_from; \
		*steal_from = NULL; \
		steal_value; \
	})

#endif
