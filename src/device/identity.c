#include "device/device.h"

#include "base/io.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define FROM_FILE "file:"

static void trim(char *text)
{
	size_t length = strcspn(text, "\r\n");
	size_t blanks;

	text[length] = '\0';
	while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
		text[--length] = '\0';
	blanks = strspn(text, " \t");
	memmove(text, text + blanks, length - blanks + 1);
}

static int read_value(const struct gmi_profile *profile, const char *what, const char *value,
		      char *to, size_t size, struct gmi_error *err)
{
	char text[4096];
	char path[600];

	snprintf(text, sizeof(text), "%s", value);
	if (strncmp(value, FROM_FILE, strlen(FROM_FILE)) == 0) {
		value += strlen(FROM_FILE);
		snprintf(path, sizeof(path), "%s%s%s", value[0] == '/' ? "" : profile->folder,
			 value[0] == '/' ? "" : "/", value);
		if (gmi_read_text_file(path, text, sizeof(text), err) < 0)
			return gmi_error_prefix(err, "the device's %s", what);
	}
	trim(text);
	gmi_text_clean(text);
	if (strlen(text) >= size)
		return gmi_fail(err, GMI_E_PROFILE, "the device's %s is longer than %zu characters",
				what, size - 1);
	memcpy(to, text, strlen(text) + 1);
	return 0;
}

int gmi_identity_read(const struct gmi_profile *profile, struct gmi_identity *identity,
		      struct gmi_error *err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";
	size_t length;

	memset(identity, 0, sizeof(*identity));
	if (read_value(profile, "id", profile->id, identity->id, sizeof(identity->id), err) < 0 ||
	    read_value(profile, "model", profile->model, identity->model, sizeof(identity->model),
		       err) < 0 ||
	    read_value(profile, "software version", profile->software, identity->software,
		       sizeof(identity->software), err) < 0)
		return -1;
	length = strlen(identity->id);
	/* It becomes part of a file's name on the user's computer. */
	if (length == 0 || strchr("._-", identity->id[0]) ||
	    strspn(identity->id, allowed) != length)
		return gmi_fail(err, GMI_E_PROFILE,
				"the device's id \"%s\" has other characters than letters, digits, "
				"dot, - and _",
				identity->id);
	return 0;
}
