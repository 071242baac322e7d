/*-------------------------------------------------------------------------
 *
 * picture_columns.c
 *	  The rows of a picture as the executor gives them: where each field is, and
 *	  what it says.
 *
 *-------------------------------------------------------------------------
 */
#include "picture_columns.h"

#include "access/tupdesc.h"
#include "port/pg_bitutils.h"
#include "utils/builtins.h"
#include "utils/date.h"

#include "compat.h"
#include "digest.h"

/* ---- where the fields are ---------------------------------------------------- */

static int
find_column(TupleDesc description, const char *name)
{
	for (int column = 0; column < description->natts; column++)
	{
		Form_pg_attribute attribute = TupleDescAttr(description, column);

		if (!attribute->attisdropped && strcmp(NameStr(attribute->attname), name) == 0)
			return column;
	}
	return -1;
}

static uint64
key_fields(const Process *process)
{
	uint64		fields = FIELD_BIT(process->lea);

	for (int part = 0; part < process->key_count; part++)
		fields |= FIELD_BIT(process->key[part]);
	return fields;
}

static bool
is_key_field(const Process *process, int field)
{
	return (key_fields(process) & FIELD_BIT(field)) != 0;
}

static bool
is_date_field(const Process *process, int field)
{
	return (process->dates & FIELD_BIT(field)) != 0;
}

static void
find_weighed(PictureColumns *columns, const Process *process)
{
	uint64		looked_at = key_fields(process) | process->compared | FIELD_BIT(process->start) |
	FIELD_BIT(process->end) | FIELD_BIT(process->school);

	/* LEA and SSID are the student, whose rows are weighed. */
	uint64		weighed = (key_fields(process) | process->compared | FIELD_BIT(process->start)) &
	~(FIELD_BIT(process->lea) | FIELD_BIT(process->ssid));

	columns->weighed_count = columns->fetched = 0;
	for (; looked_at != 0; looked_at &= looked_at - 1)
	{
		int			field = pg_rightmost_one_pos64(looked_at);
		int			column = columns->field[field];

		columns->fetched = Max(columns->fetched, column + 1);
		if (weighed & FIELD_BIT(field))
			columns->weighed[columns->weighed_count++] =
				(WeighedColumn){field, column, is_date_field(process, field), is_key_field(process, field)};
	}
}

void
picture_columns_find(PictureColumns *columns, const Process *process, TupleDesc description)
{
	for (int field = 0; field < process->field_count; field++)
	{
		columns->field[field] = find_column(description, process->field_name[field]);
		if (columns->field[field] < 0)
			elog(ERROR, "a picture of %s has no column %s", process->name, process->field_name[field]);
	}
	columns->problems = find_column(description, "problems");
	find_weighed(columns, process);
}

/* ---- what they say ----------------------------------------------------------- */

static bool
is_blank(FieldText value)
{
	for (size_t i = 0; i < value.length; i++)
		if (value.data[i] != ' ')
			return false;
	return true;
}

inline FieldText
datum_text(Datum datum)
{
	struct varlena *value = (struct varlena *) DatumGetPointer(datum);

	/* Short values are nearly all there are; the call is spared them. */
	if (!VARATT_IS_SHORT(value) || VARATT_IS_EXTERNAL(value))
		value = PG_DETOAST_DATUM_PACKED(datum);
	return (FieldText){VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
}

static inline FieldText
text_value(TupleTableSlot *slot, int column)
{
	FieldText	value = datum_text(slot->tts_values[column]);

	return is_blank(value) ? (FieldText){NULL, 0} : value;
}

FieldText
column_text(TupleTableSlot *slot, int column)
{
	return slot->tts_isnull[column] ? (FieldText){NULL, 0} : text_value(slot, column);
}

FieldText
column_key(TupleTableSlot *slot, int column)
{
	return slot->tts_isnull[column] ? (FieldText){NULL, 0} : field_trim(text_value(slot, column));
}

uint64
picture_row_signature(const PictureColumns *columns, TupleTableSlot *slot)
{
	uint64		digest = 0;

	for (const WeighedColumn *weighed = columns->weighed; weighed < columns->weighed + columns->weighed_count; weighed++)
	{
		FieldText	value;

		if (slot->tts_isnull[weighed->column])
			continue;
		if (weighed->is_day)
		{
			digest = digest_day(digest, weighed->field, DatumGetDateADT(slot->tts_values[weighed->column]));
			continue;
		}
		value = text_value(slot, weighed->column);
		if (weighed->is_key)
			value = field_trim(value);
		if (value.length > 0)
			digest = digest_text(digest, weighed->field, value);
	}
	return digest_spread(digest);
}

/* ---- the row in memory -------------------------------------------------------- */

const char *
date_as_field(DateADT date)
{
	char	   *digits;

	if (date < day_from_calendar(1, 1, 1) || date > day_from_calendar(9999, 12, 31))
		return DatumGetCString(DirectFunctionCall1(date_out, DateADTGetDatum(date)));
	digits = palloc0(8 + 1);
	day_to_date8(date, digits);
	return digits;
}

static const char *
copy_date(Arena *arena, DateADT date)
{
	const char *words = date_as_field(date);

	return arena_copy(arena, words, strlen(words));
}

static const char *
copy_field(Arena *arena, const Process *process, TupleTableSlot *slot, int column, int field)
{
	FieldText	value;

	if (is_date_field(process, field))
		return slot->tts_isnull[column] ? NULL : copy_date(arena, DatumGetDateADT(slot->tts_values[column]));
	value = is_key_field(process, field) ? column_key(slot, column) : column_text(slot, column);
	return value.length == 0 ? NULL : arena_copy(arena, value.data, value.length);
}

PictureRow *
picture_row(Arena *arena, const Process *process, const PictureColumns *columns, TupleTableSlot *slot,
			DayNumber default_start)
{
	PictureRow *row = arena_allocate(arena, sizeof(PictureRow));
	int			start = columns->field[process->start];
	int			end = columns->field[process->end];

	for (int field = 0; field < process->field_count; field++)
		row->value[field] = copy_field(arena, process, slot, columns->field[field], field);
	if (row->value[process->school] == NULL)
		row->value[process->school] = "";
	row->start = slot->tts_isnull[start] ? default_start : DatumGetDateADT(slot->tts_values[start]);
	row->end = slot->tts_isnull[end] ? ROW_OPEN : DatumGetDateADT(slot->tts_values[end]);
	return row;
}
