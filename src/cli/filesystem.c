#include "cli/filesystem.h"

#include <string.h>

int gmi_with_filesystem(const struct gmi_opened_file *opened, const char *argument,
			int (*use)(struct gmi_ext *ext, const char *path, struct gmi_error *err),
			struct gmi_error *err)
{
	struct gmi_source *volume;
	struct gmi_ext *ext;
	const char *path;
	uint32_t number;
	int result = -1;

	if (gmi_opened_file_find(opened, argument, &number, &path, err) < 0)
		return -1;
	if (strncmp(gmi_reader_manifest(opened->reader)->volumes[number].content, "ext", 3) != 0)
		return gmi_fail(
			err, GMI_E_USAGE,
			"volume %s holds \"%s\", and only ext2, ext3 and ext4 can be looked "
			"into; gmi extract gives the whole volume",
			gmi_reader_manifest(opened->reader)->volumes[number].name,
			gmi_reader_manifest(opened->reader)->volumes[number].content);
	gmi_warn_of_unreadable(opened, number);
	if (gmi_volume_source_new(&volume, opened->reader, number, err) < 0)
		return -1;
	if (gmi_ext_open(&ext, volume, err) == 0) {
		result = use(ext, path, err);
		gmi_ext_close(ext);
	}
	gmi_volume_source_free(volume);
	return result;
}
