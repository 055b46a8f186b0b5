/*
 * Made tests/unit/data/golden-v1.gmi, once, when format version 1 was settled. It is kept to show
 * where that file comes from. Do not run it to make a failing test pass: a writer that no longer
 * makes this file, or a reader that no longer reads it, is wrong about every backup out there.
 *
 *     make_golden FILE     writes to a file that is not there yet
 */
#include "golden.h"

#include "../support/expect.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <fcntl.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	uint8_t root[GMI_SHA256_LENGTH];
	char hex[GMI_SHA256_HEX];
	struct gmi_fd_sink sink;
	struct gmi_error err;
	GMI_AUTO_FD int fd = argc == 2 ? open(argv[1], O_WRONLY | O_CREAT | O_EXCL, 0644) : -1;

	if (fd < 0) {
		fprintf(stderr, "usage: make_golden FILE, which is not there yet\n");
		return 2;
	}
	gmi_fd_sink_init(&sink, fd, argv[1]);
	sample_write(&golden, &sink.sink, root);
	if (gmi_close_written(&fd, argv[1], &err) < 0) {
		fprintf(stderr, "make_golden: %s\n", err.message);
		return 1;
	}
	gmi_sha256_to_hex(root, hex);
	printf("%s\n", hex);
	return 0;
}
