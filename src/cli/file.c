#include "cli/file.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

int gmi_opened_file_open(struct gmi_opened_file *opened, const char *path, struct gmi_error *err)
{
	memset(opened, 0, sizeof(*opened));
	if (gmi_file_source_open(&opened->file, path, err) < 0)
		return -1;
	if (gmi_reader_open(&opened->reader, &opened->file.source, err) < 0) {
		gmi_error_prefix(err, "%s", path);
		gmi_file_source_close(&opened->file);
		return -1;
	}
	return 0;
}

void gmi_opened_file_close(struct gmi_opened_file *opened)
{
	if (!opened->reader)
		return;
	gmi_reader_free(opened->reader);
	gmi_file_source_close(&opened->file);
	opened->reader = NULL;
}

int gmi_opened_file_find(const struct gmi_opened_file *opened, const char *argument,
			 uint32_t *volume, const char **path, struct gmi_error *err)
{
	const char *colon = strchr(argument, ':');
	size_t length = colon ? (size_t)(colon - argument) : strlen(argument);
	char name[GMI_NAME_LENGTH];

	*path = colon && colon[1] ? colon + 1 : "/";
	if (length >= sizeof(name))
		return gmi_fail(err, GMI_E_NOT_FOUND, "%.100s: no volume has so long a name",
				argument);
	memcpy(name, argument, length);
	name[length] = '\0';
	return gmi_reader_find_volume(opened->reader, name, volume, err);
}

void gmi_warn_of_unreadable(const struct gmi_opened_file *opened, uint32_t volume)
{
	uint64_t unreadable =
		gmi_extents_total(gmi_index_unreadable(gmi_reader_index(opened->reader), volume));

	if (unreadable > 0)
		fprintf(stderr,
			"gmi: %s of volume %s could not be read when the backup was made; there "
			"are zeros in their place\n",
			gmi_text_bytes(unreadable).text,
			gmi_reader_manifest(opened->reader)->volumes[volume].name);
}
