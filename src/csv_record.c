/*-------------------------------------------------------------------------
 *
 * csv_record.c
 *	  A record of a CSV file into fields, by libcsv.
 *
 * libcsv works in strict mode here: that alone stops it at text behind a
 * closing quote, which otherwise would open the quotes again and swallow the
 * lines that follow.
 *
 *-------------------------------------------------------------------------
 */
#include "csv_record.h"

#include <assert.h>
#include <csv.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct CsvParser
{
	struct csv_parser machine;
	size_t		max_record;
	size_t		taken;			/* bytes of the record so far */
	bool		row_ended;
	int			field_count;
	char	   *next_value;		/* where the next value goes in values */
	FieldText	fields[LAYOUT_MAX_FIELDS];
	char		values[];		/* libcsv's own buffer is used again for each field */
};

/* libcsv would take the outer blanks of a field away. */
static int
nothing_is_blank(unsigned char byte)
{
	(void) byte;
	return 0;
}

static void
keep_field(void *value, size_t length, void *context)
{
	CsvParser  *parser = context;

	if (parser->field_count < LAYOUT_MAX_FIELDS)
	{
		memcpy(parser->next_value, value, length);
		parser->fields[parser->field_count] = (FieldText) {parser->next_value, length};
		parser->next_value += length;
	}
	parser->field_count++;
}

static void
end_row(int line_end, void *context)
{
	CsvParser  *parser = context;

	(void) line_end;
	parser->row_ended = true;
}

/*
 * Makes libcsv take all of its memory at once, for the longest field that a
 * record can have: a field never grows it later, and never beyond that.
 */
static bool
reserve(CsvParser *parser)
{
	csv_set_blk_size(&parser->machine, parser->max_record);
	csv_parse(&parser->machine, "\n", 1, NULL, NULL, NULL);
	return csv_get_buffer_size(&parser->machine) >= parser->max_record;
}

CsvParser *
csv_record_create(size_t max_record)
{
	CsvParser  *parser = calloc(1, sizeof(CsvParser) + max_record);

	if (parser == NULL)
		return NULL;
	parser->max_record = max_record;
	csv_init(&parser->machine, CSV_STRICT);
	csv_set_space_func(&parser->machine, nothing_is_blank);
	csv_record_begin(parser);
	if (!reserve(parser))
	{
		csv_record_destroy(parser);
		return NULL;
	}
	return parser;
}

void
csv_record_begin(CsvParser *parser)
{
	csv_fini(&parser->machine, NULL, NULL, NULL);
	parser->taken = 0;
	parser->row_ended = false;
	parser->field_count = 0;
	parser->next_value = parser->values;
}

/*
 * Strict mode also stops at a quote inside a field that has no quotes around
 * it.  That one is an ordinary character, and passes in lax mode.
 */
static bool
pass_inner_quote(CsvParser *parser, const char *at)
{
	if (*at != CSV_QUOTE || parser->machine.quoted)
		return false;
	csv_set_opts(&parser->machine, 0);
	csv_parse(&parser->machine, at, 1, keep_field, end_row, parser);
	csv_set_opts(&parser->machine, CSV_STRICT);
	return true;
}

static bool
take_text(CsvParser *parser, const char *text, size_t length)
{
	const char *end = text + length;

	parser->taken += length;
	assert(parser->taken <= parser->max_record);
	while (text < end)
	{
		text += csv_parse(&parser->machine, text, (size_t) (end - text), keep_field, end_row, parser);
		if (text == end)
			break;
		if (!pass_inner_quote(parser, text))
			return false;
		text++;
	}
	return true;
}

CsvStatus
csv_record_add_line(CsvParser *parser, FieldText line, const char *line_end)
{
	if (!take_text(parser, line.data, line.length) ||
		!take_text(parser, line_end, strlen(line_end)))
		return CSV_RECORD_BAD_QUOTE;
	return parser->row_ended ? CSV_RECORD_COMPLETE : CSV_RECORD_OPEN;
}

int
csv_record_field_count(const CsvParser *parser)
{
	return parser->field_count;
}

const FieldText *
csv_record_fields(const CsvParser *parser)
{
	return parser->fields;
}

void
csv_record_destroy(CsvParser *parser)
{
	if (parser == NULL)
		return;
	csv_free(&parser->machine);
	free(parser);
}
