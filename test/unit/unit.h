/*-------------------------------------------------------------------------
 *
 * unit.h
 *	  What a unit test needs: checks that count, and TAP lines.
 *
 * A test is a function of no arguments, in which every CHECK must hold; main
 * runs it by RUN(function).  CHECK_NAMED is a test by itself.  main ends with
 * "return unit_finish();".  Each program includes this file once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_UNIT_H
#define CALPADS_UNIT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "field.h"

static int	unit_test_count;
static int	unit_failed_test_count;
static int	unit_check_count;
static int	unit_failed_checks;		/* of the test that runs */

static inline bool
unit_check(bool good, const char *file, int line, const char *what)
{
	unit_check_count++;
	if (!good)
	{
		unit_failed_checks++;
		printf("# %s:%d: %s\n", file, line, what);
	}
	return good;
}

static inline void
unit_check_int(int64_t wanted, int64_t found, const char *file, int line, const char *what)
{
	if (!unit_check(wanted == found, file, line, what))
		printf("#   wanted %lld, found %lld\n", (long long) wanted, (long long) found);
}

static inline void
unit_check_text(const char *wanted, FieldText found, const char *file, int line, const char *what)
{
	size_t		length = strlen(wanted);
	size_t		same = 0;

	while (same < length && same < found.length && wanted[same] == found.data[same])
		same++;
	if (unit_check(same == length && same == found.length, file, line, what))
		return;
	printf("#   the first %zu bytes are right; then\n", same);
	printf("#   wanted '%.200s'\n", wanted + same);
	printf("#   found  '%.*s'\n", found.length - same < 200 ? (int) (found.length - same) : 200,
		   found.data + same);
}

static inline FieldText
text_of(const char *string)
{
	return (FieldText) {string, strlen(string)};
}

static inline void
unit_report(bool passed, const char *name)
{
	unit_test_count++;
	unit_failed_test_count += !passed;
	printf("%s %d - %s\n", passed ? "ok" : "not ok", unit_test_count, name);
}

static inline void
unit_run(void (*test) (void), const char *name)
{
	unit_failed_checks = 0;
	test();
	unit_report(unit_failed_checks == 0, name);
}

static inline int
unit_finish(void)
{
	printf("1..%d\n# %d checks\n", unit_test_count, unit_check_count);
	return unit_failed_test_count > 0;
}

#define CHECK(condition) unit_check(condition, __FILE__, __LINE__, #condition)
#define CHECK_INT(wanted, found) \
	unit_check_int(wanted, found, __FILE__, __LINE__, #found)
#define CHECK_TEXT(wanted, found) \
	unit_check_text(wanted, found, __FILE__, __LINE__, #found)
#define CHECK_NAMED(condition, name) \
	unit_report(unit_check(condition, __FILE__, __LINE__, #condition), name)
#define RUN(test) unit_run(test, #test)

#endif							/* CALPADS_UNIT_H */
