/* Looking into an ext filesystem. Used maps are ext_used.c. */
#include "storage/ext.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "storage/ext_io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct gmi_ext {
	ext2_filsys fs;
};

int gmi_ext_open(struct gmi_ext **out, struct gmi_source *source, struct gmi_error *err)
{
	struct gmi_ext *ext = calloc(1, sizeof(*ext));

	*out = NULL;
	if (!ext)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a filesystem");
	if (gmi_ext_io_open(source, &ext->fs, err) < 0) {
		free(ext);
		return -1;
	}
	*out = ext;
	return 0;
}

void gmi_ext_close(struct gmi_ext *ext)
{
	if (!ext)
		return;
	ext2fs_close_free(&ext->fs);
	free(ext);
}

/* A short target lies in the inode itself, a longer one in the file's data. */
static void read_target(struct gmi_ext *ext, ext2_ino_t number,
			const struct ext2_inode_large *inode, struct gmi_ext_entry *entry)
{
	ext2_file_t file;
	unsigned int got = 0;

	if (ext2fs_is_fast_symlink((struct ext2_inode *)inode)) {
		snprintf(entry->target, sizeof(entry->target), "%.60s",
			 (const char *)inode->i_block);
		return;
	}
	if (ext2fs_file_open(ext->fs, number, 0, &file))
		return;
	if (ext2fs_file_read(file, entry->target, sizeof(entry->target) - 1, &got))
		got = 0;
	entry->target[got] = '\0';
	ext2fs_file_close(file);
}

static void describe(struct gmi_ext *ext, ext2_ino_t number, const struct ext2_inode_large *inode,
		     const char *name, size_t name_length, struct gmi_ext_entry *entry)
{
	memset(entry, 0, sizeof(*entry));
	memcpy(entry->name, name, name_length < 255 ? name_length : 255);
	entry->mode = inode->i_mode;
	entry->uid = inode->i_uid | (uint32_t)inode->osd2.linux2.l_i_uid_high << 16;
	entry->gid = inode->i_gid | (uint32_t)inode->osd2.linux2.l_i_gid_high << 16;
	entry->size = EXT2_I_SIZE(inode);
	entry->modified = (int32_t)inode->i_mtime;
	if (S_ISLNK(inode->i_mode))
		read_target(ext, number, inode, entry);
}

/* Links are followed within the volume; one that leads out of it is told as what it is. */
static int fail_to_find(struct gmi_ext *ext, const char *path, struct gmi_error *err)
{
	struct ext2_inode_large inode;
	struct gmi_ext_entry entry;
	ext2_ino_t number;

	if (ext2fs_namei(ext->fs, EXT2_ROOT_INO, EXT2_ROOT_INO, path, &number) ||
	    ext2fs_read_inode_full(ext->fs, number, (struct ext2_inode *)&inode, sizeof(inode)) ||
	    !S_ISLNK(inode.i_mode))
		return gmi_fail(err, GMI_E_NOT_FOUND, "%.400s: there is no such file", path);
	describe(ext, number, &inode, "", 0, &entry);
	gmi_text_clean(entry.target);
	return gmi_fail(err, GMI_E_NOT_FOUND,
			"%.200s is a symbolic link to %.200s, and this volume has no such file",
			path, entry.target);
}

static int lookup(struct gmi_ext *ext, const char *path, ext2_ino_t *number,
		  struct ext2_inode_large *inode, struct gmi_error *err)
{
	errcode_t code = ext2fs_namei_follow(ext->fs, EXT2_ROOT_INO, EXT2_ROOT_INO, path, number);

	if (code == EXT2_ET_FILE_NOT_FOUND || code == EXT2_ET_NO_DIRECTORY)
		return fail_to_find(ext, path, err);
	if (code)
		return gmi_ext_io_fail(err, code, path);
	code = ext2fs_read_inode_full(ext->fs, *number, (struct ext2_inode *)inode, sizeof(*inode));
	if (code)
		return gmi_ext_io_fail(err, code, path);
	return 0;
}

struct listing {
	struct gmi_ext *ext;
	int (*entry)(void *context, const struct gmi_ext_entry *entry);
	void *context;
	errcode_t code;
};

static int list_entry(ext2_ino_t directory, int kind, struct ext2_dir_entry *dirent, int offset,
		      int block_size, char *buffer, void *context)
{
	struct listing *listing = context;
	struct ext2_inode_large inode;
	struct gmi_ext_entry entry;

	(void)directory, (void)offset, (void)block_size, (void)buffer;
	if (kind != DIRENT_OTHER_FILE)
		return 0;
	listing->code = ext2fs_read_inode_full(listing->ext->fs, dirent->inode,
					       (struct ext2_inode *)&inode, sizeof(inode));
	if (listing->code)
		return DIRENT_ABORT;
	describe(listing->ext, dirent->inode, &inode, dirent->name,
		 (size_t)ext2fs_dirent_name_len(dirent), &entry);
	return listing->entry(listing->context, &entry) ? DIRENT_ABORT : 0;
}

int gmi_ext_list(struct gmi_ext *ext, const char *path,
		 int (*entry)(void *context, const struct gmi_ext_entry *entry), void *context,
		 struct gmi_error *err)
{
	struct listing listing = { .ext = ext, .entry = entry, .context = context };
	struct ext2_inode_large inode;
	struct gmi_ext_entry single;
	const char *name;
	ext2_ino_t number;
	errcode_t code;

	if (lookup(ext, path, &number, &inode, err) < 0)
		return -1;
	if (!S_ISDIR(inode.i_mode)) {
		name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
		describe(ext, number, &inode, name, strlen(name), &single);
		entry(context, &single);
		return 0;
	}
	code = ext2fs_dir_iterate2(ext->fs, number, 0, NULL, list_entry, &listing);
	if (code || listing.code)
		return gmi_ext_io_fail(err, code ? code : listing.code, path);
	return 0;
}

int gmi_ext_cat(struct gmi_ext *ext, const char *path, struct gmi_sink *sink, struct gmi_error *err)
{
	const unsigned int length = 256u << 10;
	GMI_AUTO_FREE char *buffer = malloc(length);
	struct ext2_inode_large inode;
	ext2_ino_t number;
	ext2_file_t file;
	unsigned int got;
	errcode_t code;
	int result = 0;

	if (!buffer)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a file");
	if (lookup(ext, path, &number, &inode, err) < 0)
		return -1;
	if (S_ISDIR(inode.i_mode))
		return gmi_fail(err, GMI_E_USAGE, "%.400s is a folder, not a file", path);
	if (!S_ISREG(inode.i_mode))
		return gmi_fail(err, GMI_E_USAGE,
				"%.400s is a device, a pipe or a socket and holds nothing", path);
	code = ext2fs_file_open2(ext->fs, number, (struct ext2_inode *)&inode, 0, &file);
	if (code)
		return gmi_ext_io_fail(err, code, path);
	do {
		code = ext2fs_file_read(file, buffer, length, &got);
		if (code)
			result = gmi_ext_io_fail(err, code, path);
		else
			result = gmi_sink_write(sink, buffer, got, err);
	} while (result == 0 && got > 0);
	ext2fs_file_close(file);
	return result;
}
