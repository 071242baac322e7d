/*-------------------------------------------------------------------------
 *
 * layout_catalog.c
 *	  Layouts out of calpads.layout and calpads.layout_field.
 *
 *-------------------------------------------------------------------------
 */
#include "layout_catalog.h"

#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/memutils.h"

#include "calpads.h"
#include "query.h"

/* A word of the catalog and the enum value it stands for. */
typedef struct Word
{
	const char *word;
	int			value;
} Word;

static const Word field_types[] = {
	{"text", FIELD_TEXT},
	{"code", FIELD_CODE},
	{"date8", FIELD_DATE8},
	{"date_mdy", FIELD_DATE_MDY},
	{"yn", FIELD_YN},
	{"integer", FIELD_INTEGER},
};

static const Word file_formats[] = {
	{"caret", FORMAT_CARET},
	{"tab", FORMAT_TAB},
	{"csv", FORMAT_CSV},
};

static const Word header_rules[] = {
	{"never", HEADER_NEVER},
	{"optional", HEADER_OPTIONAL},
	{"required", HEADER_REQUIRED},
};

/* The tables have check constraints, so an unknown word is our own mistake. */
static int
look_up(const Word *words, int count, const char *word)
{
	for (int i = 0; i < count; i++)
	{
		if (strcmp(words[i].word, word) == 0)
			return words[i].value;
	}
	elog(ERROR, "unknown word \"%s\" in a layout", word);
}

/* A value of the last result in memory that outlives it; null is NULL. */
static char *
copy_value(MemoryContext context, uint64 row, int column)
{
	const char *value = query_value(row, column);

	return value == NULL ? NULL : MemoryContextStrdup(context, value);
}

static void
raise_unknown_layout(const char *name)
{
	query_read("SELECT string_agg(name, ', ' ORDER BY name) FROM calpads.layout", 0, NULL);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("layout \"%s\" does not exist", name),
			 errhint("The layouts are: %s.", query_value(0, 1))));
}

/* The layout without its fields, and how many of these a record may leave out. */
static Layout *
read_layout(const char *name, MemoryContext context, int *optional_fields)
{
	const char *values[] = {name};
	Layout	   *layout;

	if (query_read("SELECT name, record_type, other_record_type, format, header,"
				   " optional_trailing_fields"
				   " FROM calpads.layout WHERE name = $1",
				   1, values) == 0)
		raise_unknown_layout(name);

	layout = MemoryContextAllocZero(context, sizeof(Layout));
	layout->name = copy_value(context, 0, 1);
	layout->record_type = copy_value(context, 0, 2);
	layout->other_record_type = copy_value(context, 0, 3);
	layout->format = look_up(file_formats, lengthof(file_formats), query_value(0, 4));
	layout->header = look_up(header_rules, lengthof(header_rules), query_value(0, 5));
	*optional_fields = atoi(query_value(0, 6));
	return layout;
}

static void
read_fields(Layout *layout, const char *year, MemoryContext context)
{
	const char *values[] = {layout->name, year};
	uint64		count;
	LayoutField *fields;

	count = query_read("SELECT name, label, number, codeset, type, max_length, required, key"
					   " FROM calpads.layout_field"
					   " WHERE layout = $1"
					   " AND (first_year IS NULL OR first_year <= $2)"
					   " AND (last_year IS NULL OR last_year >= $2)"
					   " ORDER BY ordinal",
					   2, values);
	if (count == 0 || count > LAYOUT_MAX_FIELDS)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("layout \"%s\" has no usable record in the academic year %s",
						layout->name, year),
				 errdetail("It has %d fields in that year; a record has 1 to %d.", (int) count,
						   LAYOUT_MAX_FIELDS)));

	fields = MemoryContextAllocZero(context, count * sizeof(LayoutField));
	for (uint64 i = 0; i < count; i++)
	{
		const char *max_length = query_value(i, 6);

		fields[i].name = copy_value(context, i, 1);
		fields[i].label = copy_value(context, i, 2);
		fields[i].number = copy_value(context, i, 3);
		fields[i].codeset = copy_value(context, i, 4);
		fields[i].type = look_up(field_types, lengthof(field_types), query_value(i, 5));
		fields[i].max_length = max_length == NULL ? 0 : atoi(max_length);
		fields[i].required = query_boolean(i, 7);
		fields[i].key = query_boolean(i, 8);
	}
	layout->fields = fields;
	layout->field_count = (int) count;
}

Layout *
layout_catalog_read(const char *name, const char *year)
{
	MemoryContext context = CurrentMemoryContext;
	int			optional_fields;
	Layout	   *layout;

	SPI_connect();
	layout = read_layout(name, context, &optional_fields);
	read_fields(layout, year, context);
	layout->min_field_count = layout->field_count - optional_fields;
	SPI_finish();
	return layout;
}

bool
is_academic_year(const char *year)
{
	return strlen(year) == 9 && year[4] == '-' &&
		strspn(year, "0123456789") == 4 && strspn(year + 5, "0123456789") == 4 &&
		atoi(year + 5) == atoi(year) + 1;
}

/* First calendar year of the academic year that holds calpads.today(). */
static int
current_first_year(void)
{
	int			year,
				month,
				day;

	j2date(calpads_current_date() + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	return month >= 7 ? year : year - 1;
}

char *
current_academic_year(void)
{
	int			year = current_first_year();

	return psprintf("%d-%d", year, year + 1);
}

static void
add_year_range(StringInfo years, int first, int last)
{
	if (years->len > 0)
		appendStringInfoString(years, ", ");
	appendStringInfo(years, "%d-%d", first, first + 1);
	if (last > first)
		appendStringInfo(years, " to %d-%d", last, last + 1);
}

/* The years in the first column of the last result, runs drawn together. */
static char *
describe_years(uint64 count)
{
	StringInfoData years;
	int			first = 0;
	int			last = 0;

	initStringInfo(&years);
	for (uint64 i = 0; i < count; i++)
	{
		int			year = atoi(query_value(i, 1));

		if (i > 0 && year != last + 1)
			add_year_range(&years, first, last);
		if (i == 0 || year != last + 1)
			first = year;
		last = year;
	}
	add_year_range(&years, first, last);
	return years.data;
}

/*
 * Selects the years in which a record of the layout had so many fields, or as
 * many without the optional ones, from so many years before the first one that
 * its fields mention up to the current one; gives the number of the years.
 */
static uint64
select_years(const char *name, int field_count, int years_before)
{
	const char *values[] = {
		name,
		psprintf("%d", field_count),
		psprintf("%d", current_first_year()),
		psprintf("%d", years_before)
	};

	return query_read("SELECT year FROM calpads.layout l,"
					  " LATERAL (SELECT min(left(least(first_year, last_year), 4)::integer) AS first"
					  "  FROM calpads.layout_field WHERE layout = l.name) AS mentioned,"
					  " generate_series(mentioned.first - $4::integer, $3::integer) AS year,"
					  " LATERAL (SELECT count(*) AS fields FROM calpads.layout_field"
					  "  WHERE layout = l.name"
					  "  AND (first_year IS NULL OR left(first_year, 4)::integer <= year)"
					  "  AND (last_year IS NULL OR left(last_year, 4)::integer >= year)) AS valid"
					  " WHERE l.name = $1"
					  " AND $2::integer IN (valid.fields, valid.fields - l.optional_trailing_fields)"
					  " ORDER BY year",
					  4, values);
}

char *
layout_catalog_years(const char *name, int field_count)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *years = NULL;
	uint64		count;

	SPI_connect();
	count = select_years(name, field_count, 0);
	if (count > 0)
		years = MemoryContextStrdup(context, describe_years(count));
	SPI_finish();
	return years;
}

char *
layout_catalog_newest_year(const char *name, int field_count)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *year = NULL;
	uint64		count;

	SPI_connect();
	/* Before the first change the record was shorter. */
	count = select_years(name, field_count, 1);
	if (count > 0)
	{
		int			first = atoi(query_value(count - 1, 1));

		year = MemoryContextAlloc(context, sizeof("2025-2026"));
		snprintf(year, sizeof("2025-2026"), "%04d-%04d", first, first + 1);
	}
	SPI_finish();
	return year;
}

char *
layout_catalog_of_record_type(const char *record_type)
{
	MemoryContext context = CurrentMemoryContext;
	const char *values[] = {record_type};
	char	   *name = NULL;

	SPI_connect();
	if (query_read("SELECT name FROM calpads.layout"
				   " WHERE $1 IN (record_type, other_record_type)"
				   " ORDER BY record_type <> $1, name",
				   1, values) > 0)
		name = copy_value(context, 0, 1);
	SPI_finish();
	return name;
}
