/*-------------------------------------------------------------------------
 *
 * rule_book.c
 *	  Reads the tables of rules, layouts, code sets, schools and institutions
 *	  into a RuleBook.
 *
 *-------------------------------------------------------------------------
 */
#include "rule_book.h"

#include <limits.h>

#include "mb/pg_wchar.h"

#include "layout_catalog.h"
#include "query.h"

/* A column of the last result in the caller's context. */
static char *
keep_value(MemoryContext context, uint64 row, int column)
{
	return MemoryContextStrdup(context, query_value(row, column));
}

/* "2023-2024" → 2023; without a year the given limit. */
static int
year_value(uint64 row, int column, int limit)
{
	const char *year = query_value(row, column);

	return year != NULL ? atoi(year) : limit;
}

/* "20250820" → day; without a date the given limit. */
static DayNumber
day_value(uint64 row, int column, DayNumber limit)
{
	const char *date = query_value(row, column);
	DayNumber	day = limit;

	if (date != NULL)
		field_parse_date8((FieldText) {date, strlen(date)}, &day);
	return day;
}

static int
grade_value(uint64 row, int column)
{
	const char *grade = query_value(row, column);

	return grade != NULL ? atoi(grade) : GRADE_UNKNOWN;
}

/*
 * A rule of certification never refuses a file, so it only warns; nor does
 * one whose severity nobody knows.
 */
static void
load_rules(RuleBook *book, const char *academic_year, MemoryContext context)
{
	const char *const scope[] = {book->process->name, academic_year};
	uint64		rows = query_read("SELECT number, coalesce(reported_as, number), "
								  " severity = 'fatal' AND NOT certification "
								  "FROM calpads.rule WHERE process = $1 AND active "
								  " AND $2 COLLATE \"C\" BETWEEN coalesce(first_year, '') "
								  "  AND coalesce(last_year, '9999') "
								  "ORDER BY number COLLATE \"C\"", 2, scope);
	Rule	   *rules = MemoryContextAllocZero(context, (rows + 1) * sizeof(Rule));

	for (uint64 row = 0; row < rows; row++)
	{
		rules[row].number = keep_value(context, row, 1);
		rules[row].reported_as = keep_value(context, row, 2);
		rules[row].severity = query_boolean(row, 3) ? RULE_FATAL : RULE_WARNING;
	}
	book->rule_count = (int) rows;
	book->rules = rules;
}

/* The fields by their position in the process; one that the year does not have asks nothing. */
static void
load_layout(RuleBook *book, const char *academic_year)
{
	const Process *process = book->process;
	const Layout *read = layout_catalog_read(process->layout, academic_year);
	Layout	   *layout = palloc(sizeof(Layout));
	LayoutField *fields = palloc0(process->field_count * sizeof(LayoutField));

	*layout = *read;
	layout->field_count = layout->min_field_count = process->field_count;
	layout->fields = fields;
	for (int field = 0; field < process->field_count; field++)
	{
		int			position = layout_field_position(read, process->field_name[field]);

		if (position >= 0)
			fields[field] = read->fields[position];
		else
			fields[field].name = fields[field].label = process->field_name[field];
	}
	book->layout = layout;
}

static void
load_codesets(RuleBook *book, MemoryContext context)
{
	/* A code that was retired, nobody knows when, is not valid any more. */
	uint64		rows = query_read("SELECT s.name, s.complete, c.code, c.first_year, "
								  " CASE WHEN c.active = 'N' THEN coalesce(c.last_year, '0') "
								  "  ELSE c.last_year END "
								  "FROM calpads.codeset s JOIN calpads.code c ON c.codeset = s.name "
								  "ORDER BY s.name COLLATE \"C\", c.code COLLATE \"C\"", 0, NULL);
	CodeSet    *sets = MemoryContextAllocZero(context, (rows + 1) * sizeof(CodeSet));
	Code	   *codes = MemoryContextAllocZero(context, (rows + 1) * sizeof(Code));
	CodeSet    *set = NULL;

	for (uint64 row = 0; row < rows; row++)
	{
		if (set == NULL || strcmp(set->name, query_value(row, 1)) != 0)
		{
			set = &sets[book->codeset_count++];
			set->name = keep_value(context, row, 1);
			set->complete = query_boolean(row, 2);
			set->codes = &codes[row];
		}
		codes[row].code = keep_value(context, row, 3);
		codes[row].first_year = year_value(row, 4, 0);
		codes[row].last_year = year_value(row, 5, INT_MAX);
		set->count++;
	}
	book->codesets = sets;
}

static void
load_pairs(PairSet *set, const char *name, MemoryContext context)
{
	uint64		rows = query_read("SELECT code1, code2, first_year, last_year "
								  "FROM calpads.valid_combination WHERE name = $1 "
								  "ORDER BY code1 COLLATE \"C\", code2 COLLATE \"C\"", 1, &name);
	CodePair   *pairs = MemoryContextAllocZero(context, (rows + 1) * sizeof(CodePair));

	for (uint64 row = 0; row < rows; row++)
	{
		pairs[row].first = keep_value(context, row, 1);
		pairs[row].second = keep_value(context, row, 2);
		pairs[row].first_year = year_value(row, 3, 0);
		pairs[row].last_year = year_value(row, 4, INT_MAX);
	}
	set->count = (int) rows;
	set->pairs = pairs;
}

static void
load_schools(RuleBook *book, MemoryContext context)
{
	uint64		rows = query_read("SELECT cds_school, lowest_grade, highest_grade "
								  "FROM calpads.school_grade_span() "
								  "ORDER BY cds_school COLLATE \"C\"", 0, NULL);
	SchoolGrades *schools = MemoryContextAllocZero(context, (rows + 1) * sizeof(SchoolGrades));

	for (uint64 row = 0; row < rows; row++)
	{
		schools[row].code = keep_value(context, row, 1);
		schools[row].lowest_grade = grade_value(row, 2);
		schools[row].highest_grade = grade_value(row, 3);
	}
	book->school_count = (int) rows;
	book->schools = schools;
}

static InstitutionKind
kind_value(uint64 row, int column)
{
	static const char *const names[] = {"district", "county office", "school", "county school",
	"charter school", "nonpublic school"};
	const char *name = query_value(row, column);

	for (int kind = 0; kind < (int) lengthof(names); kind++)
		if (strcmp(name, names[kind]) == 0)
			return 1 << kind;
	elog(ERROR, "unknown kind of institution: %s", name);
}

static void
load_institutions(RuleBook *book, MemoryContext context)
{
	uint64		rows = query_read("SELECT cds_code, kind, upper(btrim(school_type)), "
								  " to_char(opened, 'YYYYMMDD'), to_char(closed, 'YYYYMMDD') "
								  "FROM calpads.institution ORDER BY cds_code COLLATE \"C\", kind",
								  0, NULL);
	Institution *institutions = MemoryContextAllocZero(context, (rows + 1) * sizeof(Institution));

	for (uint64 row = 0; row < rows; row++)
	{
		Institution *institution = &institutions[row];

		institution->code = keep_value(context, row, 1);
		institution->kind = kind_value(row, 2);
		if (query_value(row, 3) != NULL)
			institution->school_type = keep_value(context, row, 3);
		institution->opened = day_value(row, 4, INT_MIN);
		institution->closed = day_value(row, 5, INT_MAX);
		book->institution_kinds |= institution->kind;
	}
	book->institution_count = (int) rows;
	book->institutions = institutions;
}

/* What Windows-1252 has beyond Latin-1, in the bytes 80 to 9F. */
static const pg_wchar windows_1252_extra[] = {
	0x20AC, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030,
	0x0160, 0x2039, 0x0152, 0x017D, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
	0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x017E, 0x0178
};

static bool
is_windows_1252(pg_wchar character)
{
	if (character < 0x80 || (character >= 0xA0 && character <= 0xFF))
		return true;
	for (size_t extra = 0; extra < lengthof(windows_1252_extra); extra++)
		if (windows_1252_extra[extra] == character)
			return true;
	return false;
}

static bool
fits_windows_1252(const char *value)
{
	for (const unsigned char *next = (const unsigned char *) value; *next != '\0';
		 next += pg_utf_mblen(next))
		if (!is_windows_1252(utf8_to_unicode(next)))
			return false;
	return true;
}

const RuleBook *
rule_book_load(const Process *process, const char *academic_year, int encoding)
{
	MemoryContext context = CurrentMemoryContext;
	RuleBook   *book = palloc0(sizeof(RuleBook));

	book->process = process;
	load_rules(book, academic_year, context);
	load_layout(book, academic_year);
	load_codesets(book, context);
	load_pairs(&book->exit_completion, "exit_completion", context);
	load_pairs(&book->exit_grade, "exit_grade", context);
	load_pairs(&book->completion_grade, "completion_grade", context);
	load_pairs(&book->state_country, "state_country", context);
	load_schools(book, context);
	load_institutions(book, context);
	if (encoding == PG_WIN1252)
		book->encodable = fits_windows_1252;
	return book;
}
