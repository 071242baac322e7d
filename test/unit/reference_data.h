/*-------------------------------------------------------------------------
 *
 * reference_data.h
 *	  The shipped reference data (src/data) as a RuleBook, for tests: the
 *	  rules, layout and code sets that a fresh installation has.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_REFERENCE_DATA_H
#define CALPADS_REFERENCE_DATA_H

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process.h"
#include "rule.h"

#define REFERENCE_DATA "../../src/data/"

/* A table: the names of its columns, then its rows, blank fields as NULL. */
typedef struct Table
{
	int			column_count;
	int			row_count;
	const char *columns[32];
	const char *(*rows)[32];
} Table;

static inline const char *
next_field(char **rest)
{
	char	   *field = *rest;
	char	   *tab = strchr(field, '\t');

	*rest = tab != NULL ? tab + 1 : field + strlen(field);
	if (tab != NULL)
		*tab = '\0';
	return field;
}

/* The file's lines, and their number. */
static inline char **
read_lines(Arena *arena, const char *name, int *count)
{
	char		path[256];
	FILE	   *file;
	char	  **lines = arena_allocate(arena, 4096 * sizeof(char *));
	char		buffer[8192];

	snprintf(path, sizeof(path), "%s%s.tsv", REFERENCE_DATA, name);
	file = fopen(path, "r");
	if (file == NULL)
	{
		perror(path);
		exit(1);
	}
	for (*count = 0; *count < 4096 && fgets(buffer, sizeof(buffer), file) != NULL; (*count)++)
		lines[*count] = arena_copy(arena, buffer, strcspn(buffer, "\n"));
	fclose(file);
	return lines;
}

static inline Table
read_table(Arena *arena, const char *name)
{
	Table		table = {0};
	int			count;
	char	  **lines = read_lines(arena, name, &count);
	char	   *rest = lines[0];

	while (*rest != '\0')
		table.columns[table.column_count++] = next_field(&rest);
	table.row_count = count - 1;
	table.rows = arena_allocate(arena, (size_t) count * sizeof(*table.rows));
	for (int row = 0; row < table.row_count; row++)
	{
		rest = lines[row + 1];
		for (int column = 0; column < table.column_count; column++)
		{
			const char *field = next_field(&rest);

			table.rows[row][column] = *field != '\0' ? field : NULL;
		}
	}
	return table;
}

static inline const char *
cell(const Table *table, int row, const char *column)
{
	for (int i = 0; i < table->column_count; i++)
		if (strcmp(table->columns[i], column) == 0)
			return table->rows[row][i];
	fprintf(stderr, "no column %s\n", column);
	exit(1);
}

static inline bool
is_true(const char *value)
{
	return value != NULL && value[0] == 't';
}

static inline int
year_of(const char *year, int otherwise)
{
	return year != NULL ? atoi(year) : otherwise;
}

/* Is the row in force in the school year? */
static inline bool
is_of_year(const Table *table, int row, int year)
{
	return year_of(cell(table, row, "first_year"), 0) <= year &&
		year <= year_of(cell(table, row, "last_year"), INT_MAX);
}

static inline int
compare_rules(const void *a, const void *b)
{
	return strcmp(((const Rule *) a)->number, ((const Rule *) b)->number);
}

static inline void
load_test_rules(Arena *arena, RuleBook *book, int year)
{
	Table		table = read_table(arena, "rule");
	Rule	   *rules = arena_allocate(arena, (size_t) table.row_count * sizeof(Rule));

	for (int row = 0; row < table.row_count; row++)
	{
		Rule	   *rule = &rules[book->rule_count];
		const char *reported_as = cell(&table, row, "reported_as");

		if (strcmp(cell(&table, row, "process"), book->process->name) != 0 ||
			!is_true(cell(&table, row, "active")) || !is_of_year(&table, row, year))
			continue;
		rule->number = cell(&table, row, "number");
		rule->reported_as = reported_as != NULL ? reported_as : rule->number;
		rule->severity = strcmp(cell(&table, row, "severity"), "fatal") == 0 &&
			!is_true(cell(&table, row, "certification")) ? RULE_FATAL : RULE_WARNING;
		book->rule_count++;
	}
	qsort(rules, (size_t) book->rule_count, sizeof(Rule), compare_rules);
	book->rules = rules;
}

static inline FieldType
field_type(const char *name)
{
	if (strcmp(name, "code") == 0)
		return FIELD_CODE;
	if (strcmp(name, "date8") == 0)
		return FIELD_DATE8;
	return strcmp(name, "yn") == 0 ? FIELD_YN : FIELD_TEXT;
}

static inline void
load_test_layout(Arena *arena, RuleBook *book, int year)
{
	Table		table = read_table(arena, "layout_field");
	Layout	   *layout = arena_allocate(arena, sizeof(Layout));
	LayoutField *fields = arena_allocate(arena, PICTURE_FIELD_COUNT * sizeof(LayoutField));

	for (int row = 0; row < table.row_count; row++)
	{
		LayoutField *field = &fields[layout->field_count];
		const char *length = cell(&table, row, "max_length");

		if (strcmp(cell(&table, row, "layout"), book->process->layout) != 0 || !is_of_year(&table, row, year))
			continue;
		field->name = cell(&table, row, "name");
		field->label = cell(&table, row, "label");
		field->codeset = cell(&table, row, "codeset");
		field->type = field_type(cell(&table, row, "type"));
		field->max_length = length != NULL ? atoi(length) : 0;
		field->required = is_true(cell(&table, row, "required"));
		layout->field_count++;
	}
	layout->name = book->process->layout;
	layout->fields = fields;
	book->layout = layout;
}

static inline int
compare_codes(const void *a, const void *b)
{
	return strcmp(((const Code *) a)->code, ((const Code *) b)->code);
}

static inline void
load_test_codes(Arena *arena, CodeSet *set, const Table *table)
{
	Code	   *codes = arena_allocate(arena, (size_t) table->row_count * sizeof(Code));

	for (int row = 0; row < table->row_count; row++)
	{
		bool		retired = strcmp(cell(table, row, "active"), "N") == 0;

		if (strcmp(cell(table, row, "codeset"), set->name) != 0)
			continue;
		codes[set->count].code = cell(table, row, "code");
		codes[set->count].first_year = year_of(cell(table, row, "first_year"), 0);
		codes[set->count++].last_year = year_of(cell(table, row, "last_year"), retired ? 0 : INT_MAX);
	}
	qsort(codes, (size_t) set->count, sizeof(Code), compare_codes);
	set->codes = codes;
}

static inline int
compare_codesets(const void *a, const void *b)
{
	return strcmp(((const CodeSet *) a)->name, ((const CodeSet *) b)->name);
}

static inline void
load_test_codesets(Arena *arena, RuleBook *book)
{
	Table		table = read_table(arena, "codeset");
	Table		codes = read_table(arena, "code");
	CodeSet    *sets = arena_allocate(arena, (size_t) table.row_count * sizeof(CodeSet));

	for (int row = 0; row < table.row_count; row++)
	{
		sets[row].name = cell(&table, row, "name");
		sets[row].complete = is_true(cell(&table, row, "complete"));
		load_test_codes(arena, &sets[row], &codes);
	}
	qsort(sets, (size_t) table.row_count, sizeof(CodeSet), compare_codesets);
	book->codesets = sets;
	book->codeset_count = table.row_count;
}

static inline int
compare_pairs(const void *a, const void *b)
{
	const CodePair *left = a;
	const CodePair *right = b;
	int			first = strcmp(left->first, right->first);

	return first != 0 ? first : strcmp(left->second, right->second);
}

static inline void
load_test_pairs(Arena *arena, PairSet *set, const char *name)
{
	Table		table = read_table(arena, "valid_combination");
	CodePair   *pairs = arena_allocate(arena, (size_t) table.row_count * sizeof(CodePair));

	for (int row = 0; row < table.row_count; row++)
	{
		if (strcmp(cell(&table, row, "name"), name) != 0)
			continue;
		pairs[set->count].first = cell(&table, row, "code1");
		pairs[set->count].second = cell(&table, row, "code2");
		pairs[set->count].first_year = year_of(cell(&table, row, "first_year"), 0);
		pairs[set->count++].last_year = year_of(cell(&table, row, "last_year"), INT_MAX);
	}
	qsort(pairs, (size_t) set->count, sizeof(CodePair), compare_pairs);
	set->pairs = pairs;
}

/* The book of the school year that begins in year; no schools, no institutions. */
static inline RuleBook
load_process_book(Arena *arena, const Process *process, int year)
{
	RuleBook	book = {.process = process};

	load_test_rules(arena, &book, year);
	load_test_layout(arena, &book, year);
	load_test_codesets(arena, &book);
	load_test_pairs(arena, &book.exit_completion, "exit_completion");
	load_test_pairs(arena, &book.exit_grade, "exit_grade");
	load_test_pairs(arena, &book.completion_grade, "completion_grade");
	load_test_pairs(arena, &book.state_country, "state_country");
	return book;
}

static inline RuleBook
load_test_book(Arena *arena, int year)
{
	return load_process_book(arena, &senr_process, year);
}

#endif							/* CALPADS_REFERENCE_DATA_H */
