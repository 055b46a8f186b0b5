/*
 * ext2, ext3 and ext4 through libext2fs, which is seen in ext.c alone: used maps, and looking into
 * a filesystem without mounting it. Works on any source, so on a disk's region and on a volume
 * inside a GMI file alike; nothing is ever written.
 */
#ifndef GMI_STORAGE_EXT_H
#define GMI_STORAGE_EXT_H

#include "base/error.h"
#include "base/extents.h"
#include "base/source.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What the filesystem uses: blocks in use, all of its own structures, and what lies before and
 * behind the filesystem in its volume. Where its bitmaps are not to be believed (a journal waits
 * for replay, it was not unmounted, it has errors) the map is the whole volume and *why_whole says
 * so; else it is NULL. Fails where the filesystem cannot be read as one; the caller then stores the
 * volume whole. `mounted`: it may be in use; the map is what is in use about now, for figures only.
 */
GMI_MUST_CHECK int gmi_ext_used_map(struct gmi_source *source, bool mounted,
				    struct gmi_extents *used, const char **why_whole,
				    struct gmi_error *err);

struct gmi_ext; /* opaque; one thread at a time */

GMI_MUST_CHECK int gmi_ext_open(struct gmi_ext **out, struct gmi_source *source,
				struct gmi_error *err);
void gmi_ext_close(struct gmi_ext *ext);

struct gmi_ext_entry {
	char name[256];
	char target[1024]; /* of a symbolic link, else empty */
	uint32_t mode;     /* as st_mode */
	uint32_t uid, gid;
	uint64_t size;
	int64_t modified; /* Unix time */
};

/* Calls back for each entry of a directory but "." and "..", or once for a file. Nonzero stops. */
GMI_MUST_CHECK int gmi_ext_list(struct gmi_ext *ext, const char *path,
				int (*entry)(void *context, const struct gmi_ext_entry *entry),
				void *context, struct gmi_error *err);

/* Writes a regular file's content to sink. */
GMI_MUST_CHECK int gmi_ext_cat(struct gmi_ext *ext, const char *path, struct gmi_sink *sink,
			       struct gmi_error *err);

#endif
