/*-------------------------------------------------------------------------
 *
 * load_rows.c
 *	  Records of an ODS extract into the baseline, or set aside.
 *
 *-------------------------------------------------------------------------
 */
#include "load_rows.h"

#include "catalog/pg_operator_d.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/tuplesort.h"

#include "calpads.h"
#include "compat.h"
#include "digest.h"
#include "key_set.h"
#include "query.h"
#include "row_writer.h"
#include "server_reader.h"

#define SCHOOL_LENGTH 7
#define SSID_LENGTH 10
#define SHOWN_ERRORS 3
#define SHOWN_SCHOOLS 10

/* What the keys of the records may take, and the lines of late duplicates (kB). */
#define MOST_KEY_MEMORY (16 * 1024)
#define LATE_LINES_MEMORY 4096

/* A record of an extract is about as long, or longer. */
#define USUAL_RECORD_BYTES 150

/* What a column of the baseline is filled with. */
typedef enum ColumnSource
{
	SOURCE_NOTHING,				/* it stays null */
	SOURCE_LOAD_ID,
	SOURCE_LINE_NO,
	SOURCE_DATE,				/* a field of the record */
	SOURCE_TEXT					/* the same */
} ColumnSource;

typedef struct BaselineColumn
{
	int			number;			/* in the table, from 0 */
	ColumnSource source;
	int			field;			/* position in the record */
	bool		required;		/* is looked at also when the field is empty */
} BaselineColumn;

typedef struct School
{
	char		code[SCHOOL_LENGTH + 1];	/* the key, filled up with NUL */
	bool		selected;
	int64		rows;			/* loaded ones */
} School;

/* A ValueForm and where its field stands. */
typedef struct FieldForm
{
	int			position;
	const ValueForm *form;
	const char *message;
} FieldForm;

/* An error for the message. */
typedef struct ShownError
{
	int64		line_no;
	const char *text;
} ShownError;

/*
 * Records that were taken, and whose key was there before.  Their fingerprints
 * together tell that the same records came back.
 */
typedef struct LateDuplicates
{
	Tuplesortstate *lines;		/* NULL = there are none */
	int64		next_line;		/* 0 = no more */
	uint64		fingerprints;	/* added when found, taken away when they come back */
} LateDuplicates;

struct RowLoader
{
	MemoryContext context;
	const OdsProcess *process;
	int64		load_id;
	FieldText	lea;
	MemoryContext row_context;	/* for one record */
	bool		converts;		/* the server's encoding is another than the records' */

	/* the layout, with those fields required that a load requires */
	Layout		layout;
	LayoutField fields[LAYOUT_MAX_FIELDS];
	FieldForm	forms[MAX_FORMS];
	int			form_count;
	int			key[MAX_KEY_FIELDS];
	int			key_count;
	int			lea_field;
	int			ssid_field;
	int			local_id_field;
	int			school_field;	/* -1 = the process has no schools */
	int			exit_date_field;	/* -1 = it has no exits */

	RowWriter  *baseline;
	BaselineColumn *columns;	/* those that have a source */
	int			column_count;
	RowWriter  *errors;
	KeySet	   *keys;
	LateDuplicates late;
	HTAB	   *schools;
	School	   *last_school;	/* rows of a school often stand together */

	LoadTally	tally;
	ShownError	shown_errors[SHOWN_ERRORS]; /* the first of the file, in order */
	int			shown_error_count;
};

/* ---- making a loader ---------------------------------------------------- */

static int
position_of(const RowLoader *loader, const char *field)
{
	int			position = layout_field_position(&loader->layout, field);

	if (position < 0)
		elog(ERROR, "layout \"%s\" has no field \"%s\"", loader->layout.name, field);
	return position;
}

/*
 * CALPADS' own data may lack what CALPADS requires today; only what the key
 * and the comparison are made of must be there.
 */
static void
copy_layout(RowLoader *loader, const Layout *layout)
{
	loader->layout = *layout;
	loader->layout.fields = loader->fields;
	for (int i = 0; i < layout->field_count; i++)
	{
		loader->fields[i] = layout->fields[i];
		loader->fields[i].required = false;
	}
}

static void
find_fields(RowLoader *loader)
{
	const OdsProcess *process = loader->process;

	for (const char *const *name = process->key; *name != NULL; name++)
	{
		int			position = position_of(loader, *name);

		loader->key[loader->key_count++] = position;
		loader->fields[position].required = true;
	}
	for (const char *const *name = process->blank_key; *name != NULL; name++)
		loader->key[loader->key_count++] = position_of(loader, *name);
	for (const char *const *name = process->required; *name != NULL; name++)
		loader->fields[position_of(loader, *name)].required = true;

	loader->lea_field = position_of(loader, "reporting_lea");
	loader->ssid_field = position_of(loader, "ssid");
	loader->local_id_field = position_of(loader, "local_student_id");
	loader->school_field = process->school == NULL ? -1 : position_of(loader, process->school);
	loader->exit_date_field =
		process->exit_date == NULL ? -1 : position_of(loader, process->exit_date);
}

static void
find_forms(RowLoader *loader)
{
	for (int i = 0; i < MAX_FORMS && loader->process->forms[i].field != NULL; i++)
	{
		const ValueForm *form = &loader->process->forms[i];

		loader->forms[i].position = position_of(loader, form->field);
		loader->forms[i].form = form;
		loader->forms[i].message = psprintf("the value does not have exactly %d %s",
											(int) form->length,
											form->digits ? "digits" : "characters");
		loader->form_count++;
	}
}

static bool
is_date(const LayoutField *field)
{
	return field->type == FIELD_DATE8 || field->type == FIELD_DATE_MDY;
}

/* A column that the layout of the file's year does not have stays null. */
static BaselineColumn
describe_column(const RowLoader *loader, Form_pg_attribute attribute)
{
	const char *name = NameStr(attribute->attname);
	BaselineColumn column = {attribute->attnum - 1, SOURCE_NOTHING, 0, true};
	int			field;

	if (attribute->attisdropped)
		return column;
	field = layout_field_position(&loader->layout, name);
	if (strcmp(name, "load_id") == 0)
		column.source = SOURCE_LOAD_ID;
	else if (strcmp(name, "line_no") == 0)
		column.source = SOURCE_LINE_NO;
	else if (field >= 0)
	{
		column.field = field;
		column.source = is_date(&loader->fields[field]) ? SOURCE_DATE : SOURCE_TEXT;
		column.required = loader->fields[field].required;
	}
	return column;
}

static void
find_columns(RowLoader *loader)
{
	TupleDesc	attributes = RelationGetDescr(loader->baseline->relation);

	loader->columns = palloc(attributes->natts * sizeof(BaselineColumn));
	for (int i = 0; i < attributes->natts; i++)
	{
		BaselineColumn column = describe_column(loader, TupleDescAttr(attributes, i));

		if (column.source != SOURCE_NOTHING)
			loader->columns[loader->column_count++] = column;
	}
}

static School *
find_school(RowLoader *loader, FieldText code)
{
	char		key[SCHOOL_LENGTH + 1] = {0};
	bool		found;
	School	   *school;

	memcpy(key, code.data, Min(code.length, SCHOOL_LENGTH));
	school = hash_search(loader->schools, key, HASH_ENTER, &found);
	if (!found)
	{
		school->selected = false;
		school->rows = 0;
	}
	return school;
}

static void
read_schools(RowLoader *loader)
{
	HASHCTL		control = {
		.keysize = SCHOOL_LENGTH + 1,
		.entrysize = sizeof(School),
		.hcxt = CurrentMemoryContext
	};
	uint64		count;

	loader->schools = hash_create("schools of a load", 256, &control,
								  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	SPI_connect();
	count = query_run("SELECT DISTINCT cds_school FROM calpads.school"
					  " WHERE selected AND cds_school IS NOT NULL",
					  0, NULL);
	for (uint64 i = 0; i < count; i++)
	{
		char	   *code = query_value(i, 1);

		find_school(loader, (FieldText) {code, strlen(code)})->selected = true;
	}
	SPI_finish();
}

static Size
key_memory(void)
{
	return (Size) Min(MOST_KEY_MEMORY, calpads_comparison_memory / 4) * 1024;
}

RowLoader *
row_loader_create(const OdsProcess *process, const Layout *layout, int64 load_id, const char *lea,
				  int64 file_size)
{
	RowLoader  *loader = palloc0(sizeof(RowLoader));

	loader->context = CurrentMemoryContext;
	loader->process = process;
	loader->load_id = load_id;
	loader->lea = (FieldText) {lea, strlen(lea)};
	loader->row_context = AllocSetContextCreate(CurrentMemoryContext, "calpads loaded row",
												ALLOCSET_SMALL_SIZES);
	loader->converts = GetDatabaseEncoding() != PG_UTF8;
	copy_layout(loader, layout);
	find_fields(loader);
	find_forms(loader);
	read_schools(loader);

	loader->baseline = row_writer_open(process->baseline);
	loader->errors = row_writer_open("load_error");
	find_columns(loader);
	loader->keys = key_set_create(key_memory(), file_size / USUAL_RECORD_BYTES);
	return loader;
}

/* ---- setting aside ------------------------------------------------------ */

static bool
is_digits(FieldText value, size_t length)
{
	if (value.length != length)
		return false;
	for (size_t i = 0; i < length; i++)
	{
		if (value.data[i] < '0' || value.data[i] > '9')
			return false;
	}
	return true;
}

/* A field that may not be there (then it is empty), without outer blanks. */
static FieldText
raw_field(const Record *record, int position)
{
	int			stored = Min(record->field_count, LAYOUT_MAX_FIELDS);

	if (position < 0 || position >= stored)
		return (FieldText) {NULL, 0};
	return field_trim(record->fields[position]);
}

/*
 * Where the SSID stands: in its place, or, in a record that has lost or gained
 * a separator, the first field of ten digits.  -1 when there is none.
 */
static int
find_ssid(const RowLoader *loader, const Record *record)
{
	int			stored = Min(record->field_count, LAYOUT_MAX_FIELDS);

	if (is_digits(raw_field(record, loader->ssid_field), SSID_LENGTH))
		return loader->ssid_field;
	for (int i = 0; i < stored; i++)
	{
		if (is_digits(raw_field(record, i), SSID_LENGTH))
			return i;
	}
	return -1;
}

/* Adds a column of a row of calpads.load_error; empty is null. */
static char *
add_text(RowWriter *errors, char *end, int column, FieldText utf8)
{
	FieldText	value;

	if (utf8.length == 0)
		return end;
	value = server_text(utf8);
	return row_add_text(errors, end, column, value.data, value.length);
}

/* The same; NULL is null. */
static char *
add_string(RowWriter *errors, char *end, int column, const char *string)
{
	return string == NULL ? end : row_add_text(errors, end, column, string, strlen(string));
}

/* No value goes into the message: it may be a name or an SSID. */
static void
remember_error(RowLoader *loader, const Record *record, const char *field, const char *message)
{
	ShownError *shown = loader->shown_errors;
	MemoryContext caller;
	int			at = loader->shown_error_count;

	while (at > 0 && shown[at - 1].line_no > record->line_no)
		at--;
	if (at == SHOWN_ERRORS)
		return;
	if (loader->shown_error_count < SHOWN_ERRORS)
		loader->shown_error_count++;
	memmove(&shown[at + 1], &shown[at], (loader->shown_error_count - at - 1) * sizeof(ShownError));

	caller = MemoryContextSwitchTo(loader->context);
	shown[at].line_no = record->line_no;
	shown[at].text = psprintf("line %lld, %s%s%s", (long long) record->line_no,
							  field == NULL ? "" : field, field == NULL ? "" : ": ", message);
	MemoryContextSwitchTo(caller);
}

/* The errors for the message; NULL when there are none. */
static const char *
join_errors(const RowLoader *loader)
{
	StringInfoData list;

	if (loader->shown_error_count == 0)
		return NULL;
	initStringInfo(&list);
	for (int i = 0; i < loader->shown_error_count; i++)
		appendStringInfo(&list, "%s%s", i > 0 ? "; " : "", loader->shown_errors[i].text);
	return list.data;
}

/* A row of calpads.load_error. */
static void
write_error(RowLoader *loader, const Record *record, const char *field, const char *rule,
			const char *message)
{
	int			ssid = find_ssid(loader, record);
	int			shift = ssid < 0 ? 0 : ssid - loader->ssid_field;
	RowWriter  *errors = loader->errors;
	char	   *end = row_writer_begin_row(errors);

	end = row_add_bigint(errors, end, 0, loader->load_id);
	end = row_add_bigint(errors, end, 1, record->line_no);
	end = add_string(errors, end, 2, field);
	end = add_string(errors, end, 3, rule);
	end = add_string(errors, end, 4, message);
	end = add_text(errors, end, 5, record->line);
	end = add_text(errors, end, 6, raw_field(record, ssid));
	end = add_text(errors, end, 7, raw_field(record, loader->local_id_field + shift));
	row_writer_end_row(errors, end);
	remember_error(loader, record, field, message);
}

static void
write_field_error(RowLoader *loader, const Record *record, int position, const char *rule,
				  const char *message)
{
	write_error(loader, record, loader->fields[position].name, rule, message);
}

void
row_loader_set_aside(RowLoader *loader, const Record *record, const char *message)
{
	MemoryContext caller = MemoryContextSwitchTo(loader->row_context);

	write_error(loader, record, NULL, NULL, message);
	loader->tally.rows_read++;
	loader->tally.rows_rejected++;
	MemoryContextSwitchTo(caller);
	MemoryContextReset(loader->row_context);
}

/* ---- taking a record ---------------------------------------------------- */

/* Checks a field and adds its value to the row, whose new end it returns; NULL when it is bad. */
static inline char *
add_field(RowLoader *loader, const Record *record, const BaselineColumn *column, char *end)
{
	RowWriter  *baseline = loader->baseline;
	const LayoutField *field = &loader->fields[column->field];
	FieldText	value = field_normalise(field, record->fields[column->field]);
	DayNumber	day = 0;
	FieldError	error = record->is_plain ?
		field_check_plain(field, value, &day) : field_check(field, value, &day);

	if (error != FIELD_OK)
	{
		write_field_error(loader, record, column->field, field_error_rule(error),
						  field_error_message(error));
		return NULL;
	}
	if (value.length == 0)
		return end;
	if (column->source == SOURCE_DATE)
		return row_add_date(baseline, end, column->number, day);
	if (loader->converts)
		value = server_text_converted(value);
	return row_add_text(baseline, end, column->number, value.data, value.length);
}

/* Puts the row together and returns its end; NULL when one of the record's fields is bad. */
static char *
make_row(RowLoader *loader, const Record *record)
{
	RowWriter  *baseline = loader->baseline;
	char	   *end = row_writer_begin_row(baseline);
	bool		good = true;

	for (int i = 0; i < loader->column_count; i++)
	{
		const BaselineColumn *column = &loader->columns[i];
		char	   *new_end;

		if (record->fields[column->field].length == 0 && !column->required)
			continue;
		if (column->source == SOURCE_LOAD_ID)
			new_end = row_add_bigint(baseline, end, column->number, loader->load_id);
		else if (column->source == SOURCE_LINE_NO)
			new_end = row_add_bigint(baseline, end, column->number, record->line_no);
		else
			new_end = add_field(loader, record, column, end);
		if (new_end == NULL)
			good = false;
		else
			end = new_end;
	}
	return good ? end : NULL;
}

/* Outer blanks belong neither to codes nor to dates. */
static FieldText
code_of(const Record *record, int position)
{
	return field_trim(record->fields[position]);
}

static bool
check_forms(RowLoader *loader, const Record *record)
{
	bool		good = true;

	for (int i = 0; i < loader->form_count; i++)
	{
		const FieldForm *form = &loader->forms[i];
		FieldText	value = code_of(record, form->position);

		if (form->form->digits ?
			!is_digits(value, form->form->length) : value.length != form->form->length)
		{
			write_field_error(loader, record, form->position, form->form->rule, form->message);
			good = false;
		}
	}
	return good;
}

static bool
check_lea(RowLoader *loader, const Record *record)
{
	FieldText	value = code_of(record, loader->lea_field);

	if (loader->process->lea_rule == NULL ||
		(value.length == loader->lea.length &&
		 memcmp(value.data, loader->lea.data, value.length) == 0))
		return true;
	write_field_error(loader, record, loader->lea_field, loader->process->lea_rule,
					  "the record is of another LEA than the file");
	return false;
}

static uint64
key_fingerprint(const RowLoader *loader, const Record *record)
{
	uint64		digest = 0;

	for (int i = 0; i < loader->key_count; i++)
		digest = digest_text(digest, i, code_of(record, loader->key[i]));
	digest = digest_spread(digest);
	return digest == 0 ? 1 : digest;
}

static void
write_duplicate(RowLoader *loader, const Record *record)
{
	write_error(loader, record, NULL, "IVR0034", "an earlier record of the file has the same key");
}

static bool
check_key(RowLoader *loader, const Record *record, uint64 key)
{
	if (key_set_add(loader->keys, key, record->line_no))
		return true;
	write_duplicate(loader, record);
	return false;
}

static void
count_school(RowLoader *loader, FieldText code, int rows)
{
	if (loader->last_school == NULL ||
		memcmp(loader->last_school->code, code.data, SCHOOL_LENGTH) != 0)
		loader->last_school = find_school(loader, code);
	loader->last_school->rows += rows;
	if (loader->last_school->selected)
		loader->tally.rows_selected += rows;
}

/* Counts a loaded row, or one that is taken back: rows is 1 or -1. */
static void
count_row(RowLoader *loader, const Record *record, int rows)
{
	loader->tally.rows_loaded += rows;
	if (loader->school_field >= 0)
		count_school(loader, code_of(record, loader->school_field), rows);
	if (loader->exit_date_field >= 0 && code_of(record, loader->exit_date_field).length > 0)
		loader->tally.rows_closed += rows;
}

void
row_loader_take(RowLoader *loader, const Record *record)
{
	MemoryContext caller = MemoryContextSwitchTo(loader->row_context);
	uint64		key = key_fingerprint(loader, record);
	char	   *row_end;

	/* The row is put together while the memory for its key is on its way. */
	key_set_prefetch(loader->keys, key);
	loader->tally.rows_read++;
	row_end = make_row(loader, record);
	if (row_end != NULL && check_forms(loader, record) &&
		check_lea(loader, record) && check_key(loader, record, key))
	{
		row_writer_end_row(loader->baseline, row_end);
		count_row(loader, record, 1);
	}
	else
		loader->tally.rows_rejected++;

	MemoryContextSwitchTo(caller);
	MemoryContextReset(loader->row_context);
}

/* ---- taking back -------------------------------------------------------- */

/* A KeyTaker. */
static void
add_late_duplicate(void *context, uint64 fingerprint, int64 line_no)
{
	LateDuplicates *late = context;

	if (late->lines == NULL)
		late->lines = tuplesort_begin_datum(INT8OID, Int8LessOperator, InvalidOid, false,
											LATE_LINES_MEMORY, NULL, TUPLESORT_NONE);
	tuplesort_putdatum(late->lines, Int64GetDatum(line_no), false);
	late->fingerprints += fingerprint;
}

static void
find_next_line(LateDuplicates *late)
{
	Datum		line_no;
	bool		is_null;

	late->next_line = tuplesort_next_datum(late->lines, &line_no, &is_null) ? DatumGetInt64(line_no) : 0;
}

bool
row_loader_has_late_duplicates(RowLoader *loader)
{
	key_set_finish(loader->keys, add_late_duplicate, &loader->late);
	if (loader->late.lines == NULL)
		return false;
	tuplesort_performsort(loader->late.lines);
	find_next_line(&loader->late);
	return true;
}

void
row_loader_take_back(RowLoader *loader, const Record *record)
{
	MemoryContext caller;

	if (record->line_no != loader->late.next_line)
		return;
	find_next_line(&loader->late);

	caller = MemoryContextSwitchTo(loader->row_context);
	loader->late.fingerprints -= key_fingerprint(loader, record);
	write_duplicate(loader, record);
	count_row(loader, record, -1);
	loader->tally.rows_rejected++;
	MemoryContextSwitchTo(caller);
	MemoryContextReset(loader->row_context);
}

bool
row_loader_finish(RowLoader *loader)
{
	row_writer_close(loader->baseline);
	row_writer_close(loader->errors);
	if (loader->late.lines != NULL)
		tuplesort_end(loader->late.lines);
	loader->tally.first_errors = join_errors(loader);
	return loader->late.next_line == 0 && loader->late.fingerprints == 0;
}

/* ---- reporting ---------------------------------------------------------- */

const LoadTally *
row_loader_tally(const RowLoader *loader)
{
	return &loader->tally;
}

Oid
row_loader_relation(const RowLoader *loader)
{
	return RelationGetRelid(loader->baseline->relation);
}

static int
compare_codes(const void *left, const void *right)
{
	return strcmp(*(const char *const *) left, *(const char *const *) right);
}

/* The codes in order, so that the same file gives the same message. */
static char *
join_codes(const char **codes, int count)
{
	StringInfoData list;

	qsort(codes, count, sizeof(codes[0]), compare_codes);
	initStringInfo(&list);
	for (int i = 0; i < Min(count, SHOWN_SCHOOLS); i++)
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", codes[i]);
	if (count > SHOWN_SCHOOLS)
		appendStringInfoString(&list, ", ...");
	return list.data;
}

char *
row_loader_schools(const RowLoader *loader, bool selected, int *count)
{
	const char **codes = palloc(hash_get_num_entries(loader->schools) * sizeof(char *));
	HASH_SEQ_STATUS scan;
	School	   *school;

	*count = 0;
	hash_seq_init(&scan, loader->schools);
	while ((school = hash_seq_search(&scan)) != NULL)
	{
		if (school->selected == selected && school->rows > 0)
			codes[(*count)++] = school->code;
	}
	return join_codes(codes, *count);
}
