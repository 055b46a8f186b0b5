/* What a refusal has to look like: the code that was promised, and a sentence for a person. */
#ifndef GMI_TESTS_EXPECT_H
#define GMI_TESTS_EXPECT_H

#include "../unit.h"

#include "base/error.h"

/* Fails the test unless the message is a readable part of a sentence, in plain characters. */
void expect_sentence(const struct gmi_error *err);

/* A call's result and error: it failed, with this code and a sentence. */
void expect_refusal(int result, const struct gmi_error *err, enum gmi_code code);

/* The call succeeded; prints the message if it did not. */
void expect_success(int result, const struct gmi_error *err);

#endif
