/*-------------------------------------------------------------------------
 *
 * rule_book.c
 *	  Reads the tables of layouts and code sets into a RuleBook.
 *
 *-------------------------------------------------------------------------
 */
#include "rule_book.h"

#include <limits.h>

#include "mb/pg_wchar.h"

#include "calpads.h"
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

static void
load_codesets(RuleBook *book, MemoryContext context)
{
	uint64		rows = query_read("SELECT s.name, s.complete, c.code, c.first_year, c.last_year "
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
rule_book_load(const char *academic_year)
{
	MemoryContext context = CurrentMemoryContext;
	RuleBook   *book = palloc0(sizeof(RuleBook));

	book->layout = layout_catalog_read("senr", academic_year);
	load_codesets(book, context);
	load_pairs(&book->exit_completion, "exit_completion", context);
	if (calpads_file_encoding == PG_WIN1252)
		book->encodable = fits_windows_1252;
	return book;
}
