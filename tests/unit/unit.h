/* What every unit test includes: cmocka and the headers that it wants before it. */
#ifndef GMI_TESTS_UNIT_H
#define GMI_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#endif
