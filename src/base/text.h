/*
 * How figures are written for people: "1.4 GB", "about 3 minutes". One voice for page log, command
 * line and messages. Decimal units, as the file managers of the user's computer show them.
 */
#ifndef GMI_BASE_TEXT_H
#define GMI_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct gmi_text {
	char text[40];
};

/* 0 B, 999 B, 1.2 kB, 34.5 MB, 6.78 GB. Returned by value so that two fit in one printf. */
struct gmi_text gmi_text_bytes(uint64_t bytes);

/* 4 s, 2 min 5 s, 1 h 3 min. */
struct gmi_text gmi_text_seconds(uint64_t seconds);

/* 2026-01-09T13:43:44Z */
struct gmi_text gmi_text_utc(int64_t unix_seconds);

/*
 * Makes text from elsewhere (a label, what a hook printed, a file's line) fit for people and JSON,
 * in place: control characters (U+0080 to U+009F, too) become blanks, bytes that are no UTF-8
 * become "?", and a sequence that the text's end cuts off goes.
 */
void gmi_text_clean(char *text);

#endif
