/*-------------------------------------------------------------------------
 *
 * stays.c
 *	  The enrollments by which student programs go: what SENR has posted, and
 *	  what it will have posted.
 *
 *-------------------------------------------------------------------------
 */
#include "stays.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "compat.h"

#define FETCH_ROWS 1000

/* Columns of calpads.coming_enrollments and calpads.student_enrollments. */
typedef enum EnrollmentColumn
{
	ENROLLMENT_SIDE = 1,		/* removed or added; posted; or sis for the student alone */
	ENROLLMENT_LEA,
	ENROLLMENT_SSID,
	ENROLLMENT_SCHOOL,
	ENROLLMENT_START,
	ENROLLMENT_EXIT,
	ENROLLMENT_REASON,
	ENROLLMENT_CLOSES			/* only of those to come */
} EnrollmentColumn;

/* The student's key: LEA, a blank, SSID. */
typedef struct StudentStays
{
	char		key[NAMEDATALEN];
	Stay	   *stays;
	bool		in_sis;
} StudentStays;

struct StayDirectory
{
	HTAB	   *students;
	MemoryContext context;
	const char *lea;			/* NULL = all */
	const char *ssid;			/* NULL = all */
};

/* What is to be done with the rows of a query. */
typedef struct RowTaking
{
	StayDirectory *directory;
	void		(*take) (struct RowTaking *taking, uint64 row);
	StudentTaker closing;
	StudentFilter filter;
	void	   *context;
} RowTaking;

static char *
text_value(uint64 row, EnrollmentColumn column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}

static DayNumber
day_value(uint64 row, EnrollmentColumn column, DayNumber when_null)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? when_null : DatumGetDateADT(value);
}

static StudentStays *
find_student(StayDirectory *directory, const char *lea, const char *ssid, HASHACTION action)
{
	char		key[NAMEDATALEN] = {0};
	bool		found;
	StudentStays *student;

	snprintf(key, sizeof(key), "%s %s", lea, ssid);
	student = hash_search(directory->students, key, action, &found);
	if (action == HASH_ENTER && !found)
	{
		student->stays = NULL;
		student->in_sis = false;
	}
	return student;
}

static Stay *
find_stay(Stay *stay, const char *school, DayNumber start)
{
	while (stay != NULL && (stay->start != start || strcmp(stay->school, school) != 0))
		stay = stay->next;
	return stay;
}

static Stay *
add_stay(StayDirectory *directory, StudentStays *student, uint64 row)
{
	MemoryContext old_context = MemoryContextSwitchTo(directory->context);
	Stay	   *stay = palloc0(sizeof(Stay));
	char	   *reason = text_value(row, ENROLLMENT_REASON);

	stay->school = pstrdup(text_value(row, ENROLLMENT_SCHOOL));
	stay->start = day_value(row, ENROLLMENT_START, 0);
	stay->end = day_value(row, ENROLLMENT_EXIT, ROW_OPEN);
	stay->reason = reason != NULL ? pstrdup(reason) : NULL;
	stay->next = student->stays;
	student->stays = stay;
	MemoryContextSwitchTo(old_context);
	return stay;
}

/* The SIS reports the student; false when the row is about an enrollment. */
static bool
take_reported(RowTaking *taking, uint64 row)
{
	const char *lea = text_value(row, ENROLLMENT_LEA);
	const char *ssid = text_value(row, ENROLLMENT_SSID);

	if (strcmp(text_value(row, ENROLLMENT_SIDE), "sis") != 0)
		return false;
	if (taking->filter(taking->context, lea, ssid))
		find_student(taking->directory, lea, ssid, HASH_ENTER)->in_sis = true;
	return true;
}

/* What is removed stays in the list as the mark that the posted one goes. */
static void
take_coming(RowTaking *taking, uint64 row)
{
	const char *lea = text_value(row, ENROLLMENT_LEA);
	const char *ssid = text_value(row, ENROLLMENT_SSID);
	Stay	   *stay;

	if (take_reported(taking, row))
		return;
	stay = add_stay(taking->directory, find_student(taking->directory, lea, ssid, HASH_ENTER), row);
	stay->coming = strcmp(text_value(row, ENROLLMENT_SIDE), "added") == 0;
	stay->closes = strcmp(text_value(row, ENROLLMENT_CLOSES), "t") == 0;
	if (stay->closes)
		taking->closing(taking->context, lea, ssid);
}

static void
take_posted(RowTaking *taking, uint64 row)
{
	const char *lea = text_value(row, ENROLLMENT_LEA);
	const char *ssid = text_value(row, ENROLLMENT_SSID);
	StudentStays *student;
	bool		stays_so;

	if (take_reported(taking, row) || !taking->filter(taking->context, lea, ssid))
		return;
	student = find_student(taking->directory, lea, ssid, HASH_ENTER);
	stays_so = find_stay(student->stays, text_value(row, ENROLLMENT_SCHOOL), day_value(row, ENROLLMENT_START, 0)) == NULL;
	add_stay(taking->directory, student, row)->posted = true;
	student->stays->coming = stays_so;
}

static void
take_fetched(RowTaking *taking)
{
	MemoryContext row_context = AllocSetContextCreate(CurrentMemoryContext, "calpads enrollment",
													  ALLOCSET_SMALL_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(row_context);

	for (uint64 row = 0; row < SPI_processed; row++)
	{
		CHECK_FOR_INTERRUPTS();
		taking->take(taking, row);
		MemoryContextReset(row_context);
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(row_context);
}

static void
take_all(const char *query, RowTaking *taking)
{
	const char *lea = taking->directory->lea;
	const char *ssid = taking->directory->ssid;
	Oid			types[] = {TEXTOID, TEXTOID};
	Datum		values[] = {lea != NULL ? CStringGetTextDatum(lea) : (Datum) 0,
	ssid != NULL ? CStringGetTextDatum(ssid) : (Datum) 0};
	const char	nulls[] = {lea != NULL ? ' ' : 'n', ssid != NULL ? ' ' : 'n', '\0'};
	Portal		portal = SPI_cursor_open_with_args(NULL, query, 2, types, values, nulls, true, 0);

	do
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		take_fetched(taking);
		SPI_freetuptable(SPI_tuptable);
	} while (SPI_processed > 0);
	SPI_cursor_close(portal);
}

StayDirectory *
stays_begin(const char *lea, const char *ssid, StudentTaker closing, StudentFilter filter, void *context)
{
	StayDirectory *directory = palloc(sizeof(StayDirectory));
	HASHCTL		control = {0};
	RowTaking	taking = {directory, take_coming, closing, filter, context};

	control.keysize = NAMEDATALEN;
	control.entrysize = sizeof(StudentStays);
	control.hcxt = CurrentMemoryContext;
	directory->students = hash_create("calpads stays", 256, &control, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	directory->context = CurrentMemoryContext;
	directory->lea = lea;
	directory->ssid = ssid;
	take_all("SELECT side, lea, ssid, school, start_date, exit_date, exit_reason, closes "
			 "FROM calpads.coming_enrollments($1, $2)", &taking);
	return directory;
}

void
stays_finish(StayDirectory *directory, StudentFilter filter, void *context)
{
	RowTaking	taking = {directory, take_posted, NULL, filter, context};

	take_all("SELECT side, lea, ssid, school, start_date, exit_date, exit_reason "
			 "FROM calpads.student_enrollments($1, $2)", &taking);
}

void
stays_of_student(StayDirectory *directory, const char *lea, const char *ssid, const Stay **stays,
				 bool *in_sis)
{
	StudentStays *student = find_student(directory, lea, ssid, HASH_FIND);

	*stays = student != NULL ? student->stays : NULL;
	*in_sis = student != NULL && student->in_sis;
}
