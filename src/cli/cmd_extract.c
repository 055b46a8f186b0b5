#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/exit.h"
#include "cli/file.h"
#include "cli/options.h"
#include "cli/output.h"

#include <stdio.h>
#include <stdlib.h>

struct extraction {
	const struct gmi_reader *reader;
	uint32_t volume;
	struct gmi_output output;
	struct gmi_decoder *decoder;
	uint8_t *plain;
};

static int extract(struct extraction *extraction, struct gmi_error *err)
{
	const struct gmi_manifest *manifest = gmi_reader_manifest(extraction->reader);
	const struct gmi_index *index = gmi_reader_index(extraction->reader);
	uint64_t length = manifest->volumes[extraction->volume].length;
	uint64_t chunks = gmi_chunk_count(length, manifest->chunk_length);

	for (uint64_t chunk = 0; chunk < chunks; chunk++) {
		uint32_t part = gmi_chunk_length_at(length, manifest->chunk_length, chunk);

		if (gmi_interrupted())
			return gmi_fail(err, GMI_E_CANCELLED, "interrupted");
		if (!gmi_index_chunk(index, extraction->volume, chunk)) {
			if (gmi_output_zeros(&extraction->output, part, err) < 0)
				return -1;
			continue;
		}
		if (gmi_reader_fetch(extraction->reader, extraction->decoder, extraction->volume,
				     chunk, extraction->plain, err) < 0 ||
		    gmi_sink_write(&extraction->output.sink, extraction->plain, part, err) < 0)
			return -1;
	}
	return gmi_output_commit(&extraction->output, err);
}

static int prepare(struct extraction *extraction, const struct gmi_opened_file *opened,
		   const struct gmi_options *options, struct gmi_error *err)
{
	const char *name = options->arguments[1];
	char image[GMI_NAME_LENGTH + 8];

	extraction->reader = opened->reader;
	if (gmi_reader_find_volume(opened->reader, name, &extraction->volume, err) < 0)
		return -1;
	extraction->plain = malloc(gmi_reader_manifest(opened->reader)->chunk_length);
	if (!extraction->plain)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a chunk");
	if (gmi_decoder_new(&extraction->decoder, opened->reader, err) < 0)
		return -1;
	snprintf(image, sizeof(image), "%s.img", name);
	gmi_warn_of_unreadable(opened, extraction->volume);
	return gmi_output_open(&extraction->output, options->output ? options->output : image,
			       options->force, err);
}

int gmi_cmd_extract(const struct gmi_command *command, int argc, char **argv)
{
	GMI_CLEANUP(gmi_opened_file_close) struct gmi_opened_file opened = { .reader = NULL };
	struct extraction extraction = { .output = { .fd = -1 } };
	struct gmi_options options;
	struct gmi_error err;
	int exit_code;

	if (!gmi_options_parse(&options, command, "of", 2, 2, argc, argv, &exit_code))
		return exit_code;
	if (gmi_opened_file_open(&opened, options.arguments[0], &err) < 0)
		return gmi_exit_with(&err, NULL);
	gmi_catch_interrupts();
	exit_code = 0;
	if (prepare(&extraction, &opened, &options, &err) < 0 || extract(&extraction, &err) < 0)
		exit_code = gmi_exit_with(&err, NULL);
	gmi_output_abandon(&extraction.output);
	gmi_decoder_free(extraction.decoder);
	free(extraction.plain);
	return exit_code;
}
