/* What every unit test includes: cmocka and the headers that it needs before it. */
#ifndef SUPPORT_TESTING_H
#define SUPPORT_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* cmocka.h relies on the four above. */
#include <cmocka.h>

/* Tests return void and take cmocka's state, which most do not need. */
#define TEST(name) static void name(void **state __attribute__((unused)))

#define RUN_TESTS(tests) cmocka_run_group_tests((tests), NULL, NULL)

#endif
