/*-------------------------------------------------------------------------
 *
 * reader.c
 *	  A file in, records out: one reader for every layout.
 *
 * The file passes through a window of fixed size.  take_record takes one line
 * (in CSV: one record) from its front and judges it; reader_next calls it
 * line after line.  Before that, look_at_start lets it run over the first
 * lines, judges the file by what it found, and goes back.
 *
 *-------------------------------------------------------------------------
 */
#include "reader.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "csv_record.h"
#include "header_row.h"
#include "record.h"

/* Lines that begin in this much of the file decide what kind of file it is. */
#define SAMPLE_SIZE READER_MAX_LINE

/*
 * The last record of the sample may begin at the sample's end, be as long as
 * a record can be, and need one more line of the greatest length before it is
 * known to be none: with this size the sample never leaves the window.
 */
#define WINDOW_SIZE (SAMPLE_SIZE + 2 * (READER_MAX_LINE + 2))

/* A record of the greatest length with its line ends, in UTF-8. */
#define TEXT_SIZE (RECORD_UTF8_GROWTH * (READER_MAX_LINE + 2) + 1)

/*
 * A CSV record of more lines has a quote that was never closed.  Without this
 * limit each line of a hostile file could cost as much as 64 kB.
 */
#define MAX_LINES_OF_RECORD 100

static const char byte_order_mark[] = {'\xEF', '\xBB', '\xBF'};

struct Reader
{
	const Layout *layout;
	ReaderEncoding encoding;
	char		separator;
	ReaderSource source;
	void	   *source_context;
	bool		source_ended;
	int64_t		bytes_fetched;

	char	   *window;
	size_t		begin;			/* what was not used yet … */
	size_t		end;			/* … of what was fetched */
	int64_t		line_no;		/* of the last line that was used */

	char	   *text;			/* a record in UTF-8 where the window has it otherwise */
	CsvParser  *csv;			/* NULL for caret and tab files */

	bool		started;
	HeaderRow	header;
	int			cell_count;		/* of the last record, when there is a header */
	FieldText	cells[LAYOUT_MAX_FIELDS];	/* by column of the file */

	ReaderRefusal refusal;
};

/* ---- making and ending -------------------------------------------------- */

static char
separator_of(FileFormat format)
{
	static const char separators[] = {
		[FORMAT_CARET] = '^',
		[FORMAT_TAB] = '\t',
		[FORMAT_CSV] = ',',
	};

	return separators[format];
}

Reader *
reader_create(const Layout *layout, ReaderEncoding encoding,
			  ReaderSource source, void *source_context)
{
	Reader	   *reader;

	if (layout->field_count < 1 || layout->field_count > LAYOUT_MAX_FIELDS)
		return NULL;
	reader = calloc(1, sizeof(Reader));
	if (reader == NULL)
		return NULL;

	reader->layout = layout;
	reader->encoding = encoding;
	reader->separator = separator_of(layout->format);
	reader->source = source;
	reader->source_context = source_context;
	reader->window = calloc(1, WINDOW_SIZE + RECORD_PADDING);
	reader->text = calloc(1, TEXT_SIZE + RECORD_PADDING);
	if (layout->format == FORMAT_CSV)
		reader->csv = csv_record_create(TEXT_SIZE);

	if (reader->window == NULL || reader->text == NULL ||
		(layout->format == FORMAT_CSV && reader->csv == NULL))
	{
		reader_destroy(reader);
		return NULL;
	}
	return reader;
}

void
reader_destroy(Reader *reader)
{
	if (reader == NULL)
		return;
	csv_record_destroy(reader->csv);
	free(reader->text);
	free(reader->window);
	free(reader);
}

static ReaderStatus
refuse(Reader *reader, ReaderError error, int64_t line_no, const char *found)
{
	reader->refusal.error = error;
	reader->refusal.line_no = line_no;
	snprintf(reader->refusal.found, sizeof(reader->refusal.found), "%s", found);
	return READER_REFUSED;
}

/* ---- the window --------------------------------------------------------- */

/* Moves what is not used to the front and fetches as much as there is room. */
static void
refill(Reader *reader)
{
	memmove(reader->window, reader->window + reader->begin, reader->end - reader->begin);
	reader->end -= reader->begin;
	reader->begin = 0;
	while (reader->end < WINDOW_SIZE && !reader->source_ended)
	{
		size_t		fetched = reader->source(reader->source_context,
											 reader->window + reader->end,
											 WINDOW_SIZE - reader->end);

		reader->source_ended = fetched == 0;
		reader->end += fetched;
		reader->bytes_fetched += (int64_t) fetched;
	}
	reader->window[reader->end] = '\n'; /* the sentinel of record_split */
}

/*
 * Splits the line that starts offset bytes behind the begin of the window,
 * and fetches it first when it is not there.  *ended tells whether it has a
 * line end; a line of size 0 is the end of the file.
 */
static ReaderError
split_line(Reader *reader, size_t offset, Line *line, bool *ended,
		   FieldText fields[LAYOUT_MAX_FIELDS])
{
	LineStatus	status;

	for (;;)
	{
		status = record_split(reader->window + reader->begin + offset,
							  reader->window + reader->end, reader->separator, line, fields);
		/* One byte more than a line may have: it could be a carriage return. */
		if (status != LINE_OPEN || reader->source_ended || line->length > READER_MAX_LINE + 1)
			break;
		refill(reader);
	}

	if (status == LINE_NUL_BYTE)
		return READER_NUL_BYTE;
	if (status == LINE_LONE_CR)
		return READER_LONE_CR;
	if (line->length > READER_MAX_LINE)
		return READER_LINE_TOO_LONG;
	if (status == LINE_OPEN && line->length > 0 && reader->window[reader->end - 1] == '\r')
		return READER_LONE_CR;
	*ended = status == LINE_ENDED;
	return READER_NO_ERROR;
}

static void
use_lines(Reader *reader, int count, size_t size)
{
	reader->line_no += count;
	reader->begin += size;
}

/* ---- lines into records ------------------------------------------------- */

/*
 * Points *line to its text in UTF-8, which is written to room unless it is
 * that already.  Returns false when a part of it has no meaning.
 */
static bool
to_utf8(const Reader *reader, FieldText *line, char *room)
{
	bool		complete = false;
	size_t		length;

	if (reader->encoding != ENCODING_WINDOWS_1252 && record_is_utf8(*line))
		return true;
	if (reader->encoding == ENCODING_UTF8)
		length = record_repair_utf8(*line, room);
	else
		length = record_from_windows_1252(*line, room, &complete);
	*line = (FieldText) {room, length};
	return complete;
}

static int
stored_fields(const Record *record)
{
	return record->field_count < LAYOUT_MAX_FIELDS ? record->field_count : LAYOUT_MAX_FIELDS;
}

static bool
field_count_fits(const Reader *reader, int count)
{
	const Layout *layout = reader->layout;

	if (reader->header.column_count > 0)
		return count == reader->header.column_count;
	if (layout->header == HEADER_NEVER)
		return count == layout->field_count || count == layout->min_field_count;
	return count <= layout->field_count && count >= layout->min_field_count;
}

/* A caret or tab record, whose fields record_split has found in the window. */
static void
take_plain(Reader *reader, Record *record, Line *line)
{
	use_lines(reader, 1, line->size);
	if (!line->maybe_not_ascii)
		return;
	if (!to_utf8(reader, &record->line, reader->text))
		record->error = READER_ENCODING;
	if (record->line.data == reader->text)
	{
		reader->text[record->line.length] = '\n';
		record_split(reader->text, reader->text + record->line.length, reader->separator,
					 line, record->fields);
	}
}

/* The lines of a CSV record so far. */
typedef struct CsvLines
{
	int			count;
	size_t		size;			/* in the window, with line ends */
	size_t		text_size;		/* in reader->text, with line ends */
	FieldText	text;			/* in reader->text, without the last line end */
	bool		complete;		/* all of it could be made UTF-8 */
} CsvLines;

static CsvStatus
add_csv_line(Reader *reader, CsvLines *lines, const Line *line)
{
	FieldText	piece = {reader->window + reader->begin + lines->size, line->length};
	const char *line_end = line->size == line->length + 2 ? "\r\n" : "\n";
	char	   *room = reader->text + lines->text_size;

	if (line->maybe_not_ascii && !to_utf8(reader, &piece, room))
		lines->complete = false;
	if (piece.data != room)
		memcpy(room, piece.data, piece.length);
	piece.data = room;

	lines->text = (FieldText) {reader->text, lines->text_size + piece.length};
	lines->text_size = lines->text.length + strlen(line_end);
	memcpy(room + piece.length, line_end, strlen(line_end));
	lines->size += line->size;
	lines->count++;
	return csv_record_add_line(reader->csv, piece, line_end);
}

/*
 * Adds lines to a record that is inside quotes, until the quotes close.  What
 * is wrong with a line is no concern here: without it the record stays open,
 * and then its turn comes as a line of its own.
 */
static CsvStatus
add_more_csv_lines(Reader *reader, CsvLines *lines, bool *ended,
				   FieldText scratch[LAYOUT_MAX_FIELDS])
{
	CsvStatus	status = CSV_RECORD_OPEN;

	while (status == CSV_RECORD_OPEN && lines->count < MAX_LINES_OF_RECORD)
	{
		Line		line;

		if (split_line(reader, lines->size, &line, ended, scratch) != READER_NO_ERROR ||
			line.size == 0 || lines->size + line.size > READER_MAX_LINE)
			break;
		status = add_csv_line(reader, lines, &line);
	}
	return status;
}

static void
copy_csv_fields(const Reader *reader, Record *record)
{
	record->field_count = csv_record_field_count(reader->csv);
	memcpy(record->fields, csv_record_fields(reader->csv),
		   (size_t) stored_fields(record) * sizeof(FieldText));
}

/*
 * A CSV record that begins with this line.  Quotes that take more lines in
 * must lead to the right number of fields: else one forgotten quote would
 * cost all lines up to the next one.  When they do not, only the first line
 * is bad, and reading goes on with the second.
 */
static void
take_csv(Reader *reader, Record *record, const Line *line, bool *ended)
{
	CsvLines	first = {.complete = true};
	CsvLines	all;
	CsvStatus	status;

	csv_record_begin(reader->csv);
	status = add_csv_line(reader, &first, line);
	all = first;
	if (status == CSV_RECORD_OPEN)
		status = add_more_csv_lines(reader, &all, ended, record->fields);

	if (status == CSV_RECORD_COMPLETE &&
		(all.count == 1 || field_count_fits(reader, csv_record_field_count(reader->csv))))
	{
		record->error = all.complete ? READER_NO_ERROR : READER_ENCODING;
	}
	else
	{
		record->error = READER_QUOTE;
		all = first;
		csv_record_begin(reader->csv);
		csv_record_add_line(reader->csv, all.text, "\n");
	}
	record->is_plain &= all.count == 1;
	record->line = all.text;
	copy_csv_fields(reader, record);
	use_lines(reader, all.count, all.size);
}

/* ---- records by layout -------------------------------------------------- */

/* Puts the fields where the layout has them; what is not there is empty. */
static void
arrange_fields(Reader *reader, Record *record)
{
	const FieldText empty = {record->line.data + record->line.length, 0};
	int			stored = stored_fields(record);

	assert(reader->layout->field_count <= LAYOUT_MAX_FIELDS);
	if (reader->header.column_count == 0)
	{
		for (int field = stored; field < reader->layout->field_count; field++)
			record->fields[field] = empty;
		return;
	}

	memcpy(reader->cells, record->fields, (size_t) stored * sizeof(FieldText));
	reader->cell_count = stored;
	for (int field = 0; field < reader->layout->field_count; field++)
	{
		int			column = reader->header.column_of_field[field];

		record->fields[field] = column >= 0 && column < stored ? reader->cells[column] : empty;
	}
}

static bool
text_is(FieldText text, const char *wanted)
{
	return wanted != NULL && strlen(wanted) == text.length &&
		memcmp(text.data, wanted, text.length) == 0;
}

static bool
record_type_fits(const Layout *layout, const Record *record)
{
	FieldText	type;

	if (layout->record_type == NULL)
		return true;
	type = field_trim(record->fields[0]);
	return text_is(type, layout->record_type) || text_is(type, layout->other_record_type);
}

static ReaderError
judge_record(const Reader *reader, const Record *record, bool ended)
{
	int			wanted = reader->header.column_count > 0 ?
		reader->header.column_count : reader->layout->field_count;

	if (!field_count_fits(reader, record->field_count))
		return !ended && record->field_count < wanted ? READER_TRUNCATED : READER_FIELD_COUNT;
	return record_type_fits(reader->layout, record) ? READER_NO_ERROR : READER_RECORD_TYPE;
}

/* Looks at the next line, and makes what record_split found a record of it. */
static ReaderStatus
peek_line(Reader *reader, Line *line, bool *ended, Record *record)
{
	ReaderError error = split_line(reader, 0, line, ended, record->fields);

	if (error != READER_NO_ERROR)
		return refuse(reader, error, reader->line_no + 1, "");
	if (line->size == 0)
		return READER_END;
	record->line_no = reader->line_no + 1;
	record->error = READER_NO_ERROR;
	record->is_plain = !line->maybe_not_ascii && !line->has_control;
	record->line = (FieldText) {reader->window + reader->begin, line->length};
	record->field_count = field_trim(record->line).length > 0 ? line->field_count : 0;
	return READER_RECORD;
}

/*
 * Takes the next line or CSV record; a blank line is a record of no fields.
 * (A bad record may have none either: those before the bad quote are counted.)
 */
static ReaderStatus
take_record(Reader *reader, Record *record)
{
	Line		line;
	bool		ended;
	ReaderStatus status = peek_line(reader, &line, &ended, record);

	if (status != READER_RECORD)
		return status;
	if (record->field_count == 0)
	{
		use_lines(reader, 1, line.size);
		return READER_RECORD;
	}

	if (reader->csv != NULL)
		take_csv(reader, record, &line, &ended);
	else
		take_plain(reader, record, &line);
	arrange_fields(reader, record);
	if (record->error == READER_NO_ERROR)
		record->error = judge_record(reader, record, ended);
	return record->error == READER_NO_ERROR ? READER_RECORD : READER_BAD_RECORD;
}

static bool
was_blank(ReaderStatus status, const Record *record)
{
	return status == READER_RECORD && record->field_count == 0;
}

/* ---- what kind of file is it? ------------------------------------------- */

static const struct
{
	char		separator;
	const char *name;
}			known_separators[] = {
	{'^', "caret"},
	{'\t', "tab"},
	{',', "comma"},
	{';', "semicolon"},
	{'|', "vertical bar"},
};

#define SEPARATOR_COUNT (sizeof(known_separators) / sizeof(known_separators[0]))

/* "SPRG-R" with its NUL */
#define RECORD_TYPE_SIZE 7

/* How many lines of the sample … */
typedef struct Sample
{
	int			lines;
	int			other_format;	/* have no separator of this layout */
	int			separators[SEPARATOR_COUNT];	/* … but mostly this one */
	int			other_type;
	char		found_type[RECORD_TYPE_SIZE];	/* in all of them, else "" */
	int			other_count;
	int			counts[LAYOUT_MAX_FIELDS + 2];	/* the last one: or more */
} Sample;

static int
occurrences(FieldText line, char separator)
{
	int			count = 0;

	for (size_t at = 0; at < line.length; at++)
		count += line.data[at] == separator;
	return count;
}

static void
tally_separator(Sample *sample, FieldText line)
{
	size_t		most = 0;
	int			most_count = 0;

	for (size_t i = 0; i < SEPARATOR_COUNT; i++)
	{
		int			count = occurrences(line, known_separators[i].separator);

		if (count > most_count)
		{
			most = i;
			most_count = count;
		}
	}
	sample->other_format++;
	if (most_count > 0)
		sample->separators[most]++;
}

/*
 * Four capital letters, perhaps with -R behind them.  Nothing else is kept:
 * the first field of a wrong file may be a name or an identifier, which has
 * no place in a message.
 */
static bool
looks_like_record_type(FieldText text)
{
	for (size_t at = 0; at < 4; at++)
	{
		if (text.length <= at || text.data[at] < 'A' || text.data[at] > 'Z')
			return false;
	}
	return text.length == 4 || (text.length == 6 && memcmp(text.data + 4, "-R", 2) == 0);
}

static void
tally_record_type(Sample *sample, FieldText type)
{
	sample->other_type++;
	if (sample->other_type == 1 && looks_like_record_type(type))
		memcpy(sample->found_type, type.data, type.length);
	else if (!text_is(type, sample->found_type))
		sample->found_type[0] = '\0';
}

static void
tally(const Reader *reader, const Record *record, Sample *sample)
{
	int			count = record->field_count;

	sample->lines++;
	if (reader->layout->min_field_count > 1 && occurrences(record->line, reader->separator) == 0)
		tally_separator(sample, record->line);
	if (record->error == READER_QUOTE)
		return;
	if (!record_type_fits(reader->layout, record))
		tally_record_type(sample, field_trim(record->fields[0]));
	if (record->error != READER_TRUNCATED && !field_count_fits(reader, count))
	{
		sample->other_count++;
		sample->counts[count <= LAYOUT_MAX_FIELDS ? count : LAYOUT_MAX_FIELDS + 1]++;
	}
}

static int
position_of_greatest(const int *values, size_t count)
{
	size_t		greatest = 0;

	for (size_t i = 1; i < count; i++)
	{
		if (values[i] > values[greatest])
			greatest = i;
	}
	return (int) greatest;
}

static bool
is_majority(int lines, const Sample *sample)
{
	return 2 * lines > sample->lines;
}

/* Refuses the file when most of its lines are not of the layout. */
static void
judge_sample(Reader *reader, const Sample *sample)
{
	if (is_majority(sample->other_format, sample))
	{
		int			found = position_of_greatest(sample->separators, SEPARATOR_COUNT);

		refuse(reader, READER_NOT_THIS_FORMAT, 0,
			   sample->separators[found] > 0 ? known_separators[found].name : "");
	}
	else if (reader->refusal.error != READER_NO_ERROR)
		return;
	else if (is_majority(sample->other_type, sample))
		refuse(reader, READER_OTHER_RECORD_TYPE, 0, sample->found_type);
	else if (is_majority(sample->other_count, sample))
	{
		refuse(reader, READER_OTHER_FIELD_COUNT, 0, "");
		reader->refusal.found_fields = position_of_greatest(sample->counts, LAYOUT_MAX_FIELDS + 2);
	}
}

/*
 * A line of names in another spelling, or a title: records of a type always
 * hold a number, of a school or of a student.
 */
static bool
is_foreign_header(const Layout *layout, const Record *record)
{
	if (layout->header != HEADER_NEVER || layout->record_type == NULL)
		return false;
	for (size_t i = 0; i < record->line.length; i++)
		if (record->line.data[i] >= '0' && record->line.data[i] <= '9')
			return false;
	return true;
}

/*
 * Takes the first record as the header, if it is one.  Returns whether it is;
 * refuses the file when it should not be or lacks a key.
 */
static bool
take_header(Reader *reader, const Record *record)
{
	const Layout *layout = reader->layout;
	HeaderRow  *header = &reader->header;
	const LayoutField *missing_key;

	if (record->error == READER_QUOTE ||
		!header_read(header, layout, record->fields, stored_fields(record)))
	{
		if (layout->header == HEADER_REQUIRED)
			refuse(reader, READER_NO_HEADER, 0, "");
		else if (is_foreign_header(layout, record))
			refuse(reader, READER_HEADER_ROW, record->line_no, "");
		return false;
	}

	missing_key = header_missing_key(header, layout);
	if (layout->header == HEADER_NEVER)
		refuse(reader, READER_HEADER_ROW, record->line_no,
			   header_first_field(header, layout)->label);
	else if (record->field_count > LAYOUT_MAX_FIELDS)
	{
		refuse(reader, READER_OTHER_FIELD_COUNT, record->line_no, "");
		reader->refusal.found_fields = LAYOUT_MAX_FIELDS + 1;
	}
	else if (missing_key != NULL)
		refuse(reader, READER_NO_HEADER, record->line_no, missing_key->label);
	return true;
}

static void
skip_byte_order_mark(Reader *reader)
{
	size_t		size = sizeof(byte_order_mark);

	if (reader->end < size || memcmp(reader->window, byte_order_mark, size) != 0)
		return;
	reader->begin = size;
	if (reader->encoding == ENCODING_WINDOWS_1252)
		reader->encoding = ENCODING_AUTO;
}

/* A place to go back to, as long as it is in the window. */
typedef struct Place
{
	size_t		begin;
	int64_t		line_no;
} Place;

static Place
current_place(const Reader *reader)
{
	return (Place) {reader->begin, reader->line_no};
}

static void
go_back(Reader *reader, Place place)
{
	reader->begin = place.begin;
	reader->line_no = place.line_no;
}

/* Returns whether there is a line that is not blank; refuses the file if not. */
static bool
skip_blank_lines(Reader *reader)
{
	Record		record;
	Line		line;
	bool		ended;
	ReaderStatus status;

	while ((status = peek_line(reader, &line, &ended, &record)) == READER_RECORD &&
		   record.field_count == 0)
		use_lines(reader, 1, line.size);

	if (status == READER_END)
		refuse(reader, READER_EMPTY, 0, "");
	return status == READER_RECORD;
}

/* Judges the lines from here to the end of the sample, and goes back. */
static void
look_at_sample(Reader *reader)
{
	Sample		sample = {0};
	Record		record;
	Place		first_record = current_place(reader);
	bool		at_first = true;

	while (reader->begin < SAMPLE_SIZE)
	{
		ReaderStatus status = take_record(reader, &record);

		if (status == READER_REFUSED)
			return;
		if (status == READER_END)
			break;
		if (was_blank(status, &record))
			continue;
		if (at_first && take_header(reader, &record))
			first_record = current_place(reader);
		else
			tally(reader, &record, &sample);
		at_first = false;
	}
	judge_sample(reader, &sample);
	go_back(reader, first_record);
}

static void
look_at_start(Reader *reader)
{
	refill(reader);
	skip_byte_order_mark(reader);
	if (skip_blank_lines(reader))
	{
		refill(reader);			/* the sample begins where the window does */
		look_at_sample(reader);
	}
	reader->started = true;
}

/* ---- what callers use --------------------------------------------------- */

ReaderStatus
reader_next(Reader *reader, Record *record)
{
	ReaderStatus status;

	if (!reader->started)
		look_at_start(reader);
	if (reader->refusal.error != READER_NO_ERROR)
		return READER_REFUSED;

	do
	{
		status = take_record(reader, record);
	} while (was_blank(status, record));
	return status;
}

const ReaderRefusal *
reader_refusal(const Reader *reader)
{
	return &reader->refusal;
}

int64_t
reader_bytes_read(const Reader *reader)
{
	return reader->bytes_fetched - (int64_t) (reader->end - reader->begin);
}

int
reader_extra_column_count(const Reader *reader)
{
	return reader->header.extra_count;
}

const char *
reader_extra_column_name(const Reader *reader, int column)
{
	return reader->header.extra_name[column];
}

FieldText
reader_extra_column_value(const Reader *reader, int column)
{
	int			cell = reader->header.extra_column[column];

	return cell < reader->cell_count ? reader->cells[cell] : (FieldText) {"", 0};
}
