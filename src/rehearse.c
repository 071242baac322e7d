/*-------------------------------------------------------------------------
 *
 * rehearse.c
 *	  Replays files against what CALPADS holds, under CALPADS' rules.
 *
 *-------------------------------------------------------------------------
 */
#include "rehearse.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKET_COUNT 1024

/* One line, read. */
typedef struct Row
{
	const char *text;			/* the fields one after the other, each ended by NUL */
	uint32_t	offset[SENR_FIELD_COUNT];
	DayNumber	start;			/* REHEARSAL_NO_DAY when blank or no date */
	DayNumber	end;			/* last day, ROW_OPEN, or REHEARSAL_NO_DAY when no date */
	struct Row *next;			/* of the student */
} Row;

/* A record of the file at hand. */
typedef struct Record
{
	int64_t		line_no;
	Row		   *row;			/* NULL when the line is no record */
	struct StudentState *student;	/* NULL without SSID or usable dates */
	struct Record *next;
	struct Record *previous_of_student;
} Record;

typedef struct StudentState
{
	const char *ssid;
	uint64_t	hash;
	Row		   *rows;			/* what CALPADS holds, no key twice */
	int			row_count;
	Row		   *expected;		/* what the SIS has */
	Record	   *last_record;	/* in the file at hand */
	struct StudentState *next;	/* in the bucket */
} StudentState;

struct Rehearsal
{
	Arena	   *arena;
	const char *lea;
	DayNumber	today;
	const RuleBook *rules;
	StudentState **buckets;
	size_t		bucket_count;	/* a power of two */
	size_t		student_count;
	Record	   *records;		/* of the file at hand, in order */
	Record	  **records_end;
};

/* The reasons against one record. */
typedef struct Judgement
{
	Rehearsal  *rehearsal;
	const Record *record;
	Refusal    *first;
	Refusal   **end;
} Judgement;

/* ---- lines ------------------------------------------------------------------ */

/* The text of a field, empty when it is blank. */
static const char *
text_of(const Row *row, SenrField field)
{
	return row->text + row->offset[field];
}

static bool
is_blank(const Row *row, SenrField field)
{
	return text_of(row, field)[0] == '\0';
}

static bool
says(const Row *row, SenrField field, const char *text)
{
	return strcmp(text_of(row, field), text) == 0;
}

/* CALPADS takes spaces alone for nothing (spec/senr.md section 2). */
static void
erase_spaces(char *field)
{
	if (field[strspn(field, " ")] == '\0')
		field[0] = '\0';
}

/* Cuts the text at its carets; false when there are not 34. */
static bool
split(char *text, uint32_t offset[SENR_FIELD_COUNT])
{
	int			count = 0;
	char	   *caret;

	for (char *field = text; field != NULL; field = caret)
	{
		if (count == SENR_FIELD_COUNT)
			return false;
		caret = strchr(field, '^');
		if (caret != NULL)
			*caret++ = '\0';
		erase_spaces(field);
		offset[count++] = (uint32_t) (field - text);
	}
	return count == SENR_FIELD_COUNT;
}

static DayNumber
day_of(const Row *row, SenrField field, DayNumber when_blank)
{
	const char *text = text_of(row, field);
	DayNumber	day = REHEARSAL_NO_DAY;

	if (text[0] == '\0')
		return when_blank;
	field_parse_date8((FieldText){text, strlen(text)}, &day);
	return day;
}

/* The line as a row; NULL when it is not one. */
static Row *
read_row(Rehearsal *rehearsal, const char *line)
{
	Row		   *row = arena_allocate(rehearsal->arena, sizeof(Row));
	char	   *text = arena_copy(rehearsal->arena, line, strlen(line));

	row->text = text;
	if (!split(text, row->offset))
		return NULL;
	row->start = day_of(row, SENR_START_DATE, REHEARSAL_NO_DAY);
	row->end = day_of(row, SENR_EXIT_DATE, ROW_OPEN);
	return row;
}

static bool
has_usable_dates(const Row *row)
{
	return row->start != REHEARSAL_NO_DAY && row->end != REHEARSAL_NO_DAY;
}

/* Enough to set it beside the other rows of a student. */
static bool
belongs_to_student(const Row *row)
{
	return has_usable_dates(row) && !is_blank(row, SENR_SSID);
}

static bool
is_deletion(const Row *row)
{
	return says(row, SENR_TRANSACTION_TYPE, "D");
}

/* Two rows of one student. */
static bool
have_one_key(const Row *a, const Row *b)
{
	return a->start == b->start && says(a, SENR_SCHOOL, text_of(b, SENR_SCHOOL));
}

/* ---- students --------------------------------------------------------------- */

/* FNV-1a */
static uint64_t
hash_text(const char *text)
{
	uint64_t	hash = UINT64_C(14695981039346656037);

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char) *text) * UINT64_C(1099511628211);
	return hash;
}

static void
put_in_bucket(Rehearsal *rehearsal, StudentState *student)
{
	StudentState **bucket = &rehearsal->buckets[student->hash & (rehearsal->bucket_count - 1)];

	student->next = *bucket;
	*bucket = student;
}

static void
make_buckets(Rehearsal *rehearsal, size_t count)
{
	rehearsal->bucket_count = count;
	rehearsal->buckets = arena_allocate(rehearsal->arena, count * sizeof(StudentState *));
}

static void
double_buckets(Rehearsal *rehearsal)
{
	StudentState **old = rehearsal->buckets;
	size_t		old_count = rehearsal->bucket_count;

	make_buckets(rehearsal, old_count * 2);
	for (size_t bucket = 0; bucket < old_count; bucket++)
	{
		StudentState *next;

		for (StudentState *student = old[bucket]; student != NULL; student = next)
		{
			next = student->next;
			put_in_bucket(rehearsal, student);
		}
	}
}

/* The student of that SSID, made when there was none. */
static StudentState *
student_of(Rehearsal *rehearsal, const char *ssid)
{
	uint64_t	hash = hash_text(ssid);
	StudentState *student = rehearsal->buckets[hash & (rehearsal->bucket_count - 1)];

	for (; student != NULL; student = student->next)
		if (student->hash == hash && strcmp(student->ssid, ssid) == 0)
			return student;
	if (rehearsal->student_count++ >= rehearsal->bucket_count)
		double_buckets(rehearsal);
	student = arena_allocate(rehearsal->arena, sizeof(StudentState));
	student->ssid = ssid;
	student->hash = hash;
	put_in_bucket(rehearsal, student);
	return student;
}

static Row *
find_row(Row *rows, const Row *like)
{
	while (rows != NULL && !have_one_key(rows, like))
		rows = rows->next;
	return rows;
}

static void
remove_row(StudentState *student, const Row *like)
{
	for (Row **link = &student->rows; *link != NULL; link = &(*link)->next)
		if (have_one_key(*link, like))
		{
			*link = (*link)->next;
			student->row_count--;
			return;
		}
}

/* What a posted record does. */
static void
take_row(StudentState *student, Row *row)
{
	remove_row(student, row);
	if (is_deletion(row))
		return;
	row->next = student->rows;
	student->rows = row;
	student->row_count++;
}

/* ---- what enrollments mean ---------------------------------------------------- */

static bool
is_no_show(const Row *row)
{
	return says(row, SENR_EXIT_REASON, "N470");
}

/* Status 10, or 30 beyond 30 days, an open one counted to today (SENR0028). */
static bool
is_primary(const Row *row, DayNumber today)
{
	int64_t		last_day = row->end == ROW_OPEN ? today : row->end;

	return says(row, SENR_STATUS, "10") ||
		(says(row, SENR_STATUS, "30") && last_day - row->start >= 30);
}

/* Both on one day at least; a no-show is enrolled on none. */
static bool
share_a_day(const Row *a, const Row *b)
{
	DayNumber	first = a->start > b->start ? a->start : b->start;
	DayNumber	last = a->end < b->end ? a->end : b->end;

	return first <= last && !is_no_show(a) && !is_no_show(b);
}

static bool
in_one_lea(const Row *a, const Row *b)
{
	return says(a, SENR_REPORTING_LEA, text_of(b, SENR_REPORTING_LEA));
}

static bool
in_one_school(const Row *a, const Row *b)
{
	return in_one_lea(a, b) && says(a, SENR_SCHOOL, text_of(b, SENR_SCHOOL));
}

static bool
graduates(const Row *row)
{
	return says(row, SENR_COMPLETION, "100");
}

/* Is there an exit after the graduation?  Not of secondary rows and no-shows. */
static bool
exits_after(const Row *row, const Row *graduation)
{
	return graduates(graduation) && row->end != ROW_OPEN && row->end > graduation->end &&
		!says(row, SENR_STATUS, "20") && !is_no_show(row);
}

static bool
is_open_beside(const Row *row, const Row *graduation)
{
	return graduates(graduation) && row->end == ROW_OPEN && !is_no_show(row);
}

/* ---- reasons ------------------------------------------------------------------ */

static RehearsalKey
key_of(const Row *row)
{
	RehearsalKey key = {NULL, NULL, row->start};

	if (!is_blank(row, SENR_SSID))
		key.ssid = text_of(row, SENR_SSID);
	if (!is_blank(row, SENR_SCHOOL))
		key.school = text_of(row, SENR_SCHOOL);
	return key;
}

/* One reason for a rule and a field is enough. */
static void
refuse(Judgement *judgement, const char *rule, int field, const char *explanation)
{
	const Row  *row = judgement->record->row;
	Refusal    *refusal;

	for (refusal = judgement->first; refusal != NULL; refusal = refusal->next)
		if (strcmp(refusal->rule, rule) == 0 && refusal->field == field)
			return;
	refusal = arena_allocate(judgement->rehearsal->arena, sizeof(Refusal));
	refusal->line_no = judgement->record->line_no;
	refusal->rule = rule;
	refusal->field = field;
	refusal->key = row != NULL ? key_of(row) : (RehearsalKey){NULL, NULL, REHEARSAL_NO_DAY};
	refusal->explanation = explanation;
	*judgement->end = refusal;
	judgement->end = &refusal->next;
}

/*
 * Whether a rule refuses, warns or is off, calpads.rule says; only what is no
 * record of the file at all, and what the order of the files rests on
 * (SENR0178, SENR0027), is refused in any case.
 */
static void
refuse_by_book(Judgement *judgement, const char *rule, int field, const char *explanation)
{
	if (rule_severity(judgement->rehearsal->rules, rule) == RULE_FATAL)
		refuse(judgement, rule, field, explanation);
}

static const char *
date_words(Arena *arena, DayNumber number)
{
	int			year,
				month,
				day;

	day_to_calendar(number, &year, &month, &day);
	return arena_print(arena, "%02d/%02d/%04d", month, day, year);
}

static const char *
row_words(Arena *arena, const Row *row)
{
	const char *start = date_words(arena, row->start);

	if (row->end == ROW_OPEN)
		return arena_print(arena, "the enrollment at school %s from %s, which is open",
						   text_of(row, SENR_SCHOOL), start);
	return arena_print(arena, "the enrollment at school %s from %s to %s", text_of(row, SENR_SCHOOL),
					   start, date_words(arena, row->end));
}

/* ---- rules about the record by itself ------------------------------------------ */

/*
 * The file has no quotes, so no field may hold what ends one.  Whether the
 * other records can be written in the file's encoding, rule_check tells.
 */
static void
judge_characters(Judgement *judgement)
{
	const Row  *row = judgement->record->row;
	const RuleBook *rules = judgement->rehearsal->rules;
	bool		encoded = rules->encodable != NULL && is_deletion(row);

	for (int field = 0; field < SENR_FIELD_COUNT; field++)
	{
		const char *text = text_of(row, field);

		if (strpbrk(text, "\r\n\t") != NULL)
			refuse(judgement, "FRMT0004", field, "A line end or a tab inside the field breaks the record "
				   "apart.");
		else if (encoded && !rules->encodable(text))
			refuse(judgement, "FRMT0004", field, "The field has a character that the encoding of the file "
				   "does not have.");
	}
}

/* Is the line a SENR record at all?  What follows needs that. */
static bool
judge_form(Judgement *judgement)
{
	const Row  *row = judgement->record->row;

	if (row == NULL)
		refuse(judgement, "FORMAT", -1, "A SENR record has 35 fields and 34 carets.");
	else if (!says(row, SENR_RECORD_TYPE, "SENR"))
		refuse(judgement, "FORMAT", SENR_RECORD_TYPE, "The record type is not SENR.");
	else
		judge_characters(judgement);
	return judgement->first == NULL;
}

static bool
judge_transaction_type(Judgement *judgement)
{
	const Row  *row = judgement->record->row;

	if (is_deletion(row) || is_blank(row, SENR_TRANSACTION_TYPE) || says(row, SENR_TRANSACTION_TYPE, "A"))
		return true;
	/* Whether CALPADS still takes R, nobody has said (spec/senr.md section 4). */
	refuse(judgement, "GERR0008", SENR_TRANSACTION_TYPE, "The transaction type is neither A, D nor blank.");
	return false;
}

static bool
judge_dates(Judgement *judgement)
{
	const Row  *row = judgement->record->row;

	if (is_blank(row, SENR_START_DATE))
		refuse(judgement, "GERR0001", SENR_START_DATE, "The field is blank, and CALPADS requires it.");
	else if (row->start == REHEARSAL_NO_DAY)
		refuse(judgement, "FRMT0002", SENR_START_DATE, "The field is not a date (CCYYMMDD).");
	if (row->end == REHEARSAL_NO_DAY)
		refuse(judgement, "FRMT0002", SENR_EXIT_DATE, "The field is not a date (CCYYMMDD).");
	return has_usable_dates(row);
}

static void
judge_submitter(Judgement *judgement)
{
	if (!says(judgement->record->row, SENR_REPORTING_LEA, judgement->rehearsal->lea))
		refuse_by_book(judgement, "SENR0001", SENR_REPORTING_LEA, "The reporting LEA is not the one that "
					   "submits the file.");
}

static void
judge_content(Judgement *judgement)
{
	const Rehearsal *rehearsal = judgement->rehearsal;
	const Row  *row = judgement->record->row;
	Enrollment	enrollment = {.start = row->start, .end = row->end};
	const Violation *violation;

	for (int field = 0; field < SENR_FIELD_COUNT; field++)
		enrollment.value[field] = is_blank(row, field) ? NULL : text_of(row, field);
	violation = rule_check(rehearsal->arena, rehearsal->rules, &enrollment, rehearsal->today);
	for (; violation != NULL; violation = violation->next)
		refuse(judgement, violation->rule, violation->field, violation->explanation);
}

/* ---- rules about what CALPADS held before the file ------------------------------- */

static DayNumber
newest_start(const StudentState *student)
{
	DayNumber	newest = REHEARSAL_NO_DAY;

	for (const Row *row = student->rows; row != NULL; row = row->next)
		if (row->start > newest)
			newest = row->start;
	return newest;
}

static bool
may_be_one_person(const Row *row, const Row *held)
{
	if (is_blank(held, SENR_GENDER) || is_blank(held, SENR_BIRTH_DATE))
		return true;
	return says(row, SENR_GENDER, text_of(held, SENR_GENDER)) &&
		strncmp(text_of(row, SENR_BIRTH_DATE), text_of(held, SENR_BIRTH_DATE), 4) == 0;
}

/*
 * CALPADS' newest row tells what it knows of the student.  SENR0035 can be
 * read as "gender and birth year both differ" and as "one of them differs";
 * the stricter reading is taken.
 */
static void
judge_demographics(Judgement *judgement)
{
	const StudentState *student = judgement->record->student;
	DayNumber	newest = newest_start(student);
	bool		known = false;

	for (const Row *held = student->rows; held != NULL; held = held->next)
	{
		if (held->start == newest && may_be_one_person(judgement->record->row, held))
			return;
		known = true;
	}
	if (known)
		refuse_by_book(judgement, "SENR0035", SENR_GENDER, "Gender and birth year are not those that "
					   "CALPADS has of the student.");
}

/* Can the record stand beside this other row of the student? */
static void
judge_beside(Judgement *judgement, const Row *other, const char *where)
{
	const Rehearsal *rehearsal = judgement->rehearsal;
	Arena	   *arena = rehearsal->arena;
	const Row  *row = judgement->record->row;

	if (share_a_day(row, other) && in_one_school(row, other))
		refuse(judgement, "SENR0178", SENR_START_DATE,
			   arena_print(arena, "It overlaps %s%s; a school has one enrollment of a student at a time.",
						   row_words(arena, other), where));
	if (share_a_day(row, other) && in_one_lea(row, other) && is_primary(row, rehearsal->today) &&
		is_primary(other, rehearsal->today))
		refuse(judgement, "SENR0027", SENR_START_DATE,
			   arena_print(arena, "It overlaps %s%s; an LEA has one primary enrollment of a student at a "
						   "time.", row_words(arena, other), where));
	if (exits_after(row, other) || exits_after(other, row))
		refuse_by_book(judgement, "SENR0586", SENR_EXIT_DATE,
			   arena_print(arena, "With %s%s, one of the two exits after the student's graduation.",
						   row_words(arena, other), where));
	if (is_open_beside(row, other) || is_open_beside(other, row))
		refuse_by_book(judgement, "SENR0587", SENR_EXIT_DATE,
			   arena_print(arena, "With %s%s, a graduate has an open enrollment.",
						   row_words(arena, other), where));
}

static void
judge_against_state(Judgement *judgement)
{
	const Row  *row = judgement->record->row;

	judge_demographics(judgement);
	for (const Row *held = judgement->record->student->rows; held != NULL; held = held->next)
		if (!have_one_key(row, held))
			judge_beside(judgement, held, "");
}

/* How many rows CALPADS would still hold after all deletions of the file. */
static int
rows_left(const StudentState *student)
{
	int			left = 0;

	for (const Row *row = student->rows; row != NULL; row = row->next)
	{
		const Record *record = student->last_record;

		while (record != NULL && !(is_deletion(record->row) && have_one_key(record->row, row)))
			record = record->previous_of_student;
		left += record == NULL;
	}
	return left;
}

static void
judge_deletion(Judgement *judgement)
{
	const Record *record = judgement->record;

	if (find_row(record->student->rows, record->row) == NULL)
		refuse_by_book(judgement, "SENR0181", -1, "CALPADS has no row with this school, SSID and start date to "
			   "delete.");
	else if (rows_left(record->student) == 0)
		refuse_by_book(judgement, "SENR0180", -1, "The file deletes the last enrollment of the student.");
}

/* ---- rules inside the file -------------------------------------------------------- */

static const Record *
earlier_of_same_key(const Record *record)
{
	const Record *earlier = record->previous_of_student;

	while (earlier != NULL && !have_one_key(earlier->row, record->row))
		earlier = earlier->previous_of_student;
	return earlier;
}

static void
judge_inside_file(Judgement *judgement)
{
	Arena	   *arena = judgement->rehearsal->arena;
	const Record *record = judgement->record;
	const Record *earlier = earlier_of_same_key(record);

	if (earlier != NULL)
	{
		refuse_by_book(judgement, "IVR0034", -1,
			   arena_print(arena, "Line %lld of the file has the same school, SSID and start date.",
						   (long long) earlier->line_no));
		return;
	}
	if (is_deletion(record->row))
		return;
	for (earlier = record->previous_of_student; earlier != NULL; earlier = earlier->previous_of_student)
		if (!is_deletion(earlier->row))
			judge_beside(judgement, earlier->row,
						 arena_print(arena, " (line %lld of the file)", (long long) earlier->line_no));
}

/* ---- records and files ------------------------------------------------------------- */

/* The operational key of a deletion; other records are asked by rule_check. */
static void
judge_key(Judgement *judgement)
{
	const Row  *row = judgement->record->row;

	if (is_blank(row, SENR_SSID))
		refuse(judgement, "SENR0032", SENR_SSID, "A deletion names its row by the SSID.");
	if (is_blank(row, SENR_SCHOOL))
		refuse(judgement, "GERR0001", SENR_SCHOOL, "The field is blank, and CALPADS requires it.");
}

/* The format decides first, for the rules after it rely on it. */
static void
judge_record(Judgement *judgement)
{
	const Row  *row = judgement->record->row;

	if (!judge_form(judgement) || !judge_transaction_type(judgement) || !judge_dates(judgement))
		return;
	judge_submitter(judgement);
	if (is_deletion(row))
		judge_key(judgement);
	else
		judge_content(judgement);
	if (judgement->record->student == NULL)
		return;
	judge_inside_file(judgement);
	if (is_deletion(row))
		judge_deletion(judgement);
	else
		judge_against_state(judgement);
}

static FileVerdict
judge_file(Rehearsal *rehearsal)
{
	FileVerdict verdict = {0, 0, NULL};
	Refusal    *first = NULL;
	Refusal   **end = &first;

	for (const Record *record = rehearsal->records; record != NULL; record = record->next)
	{
		Judgement	judgement = {rehearsal, record, NULL, NULL};

		judgement.end = &judgement.first;
		judge_record(&judgement);
		verdict.records++;
		if (judgement.first == NULL)
			continue;
		verdict.refused++;
		*end = judgement.first;
		end = judgement.end;
	}
	verdict.refusals = first;
	return verdict;
}

static void
begin_file(Rehearsal *rehearsal)
{
	for (const Record *record = rehearsal->records; record != NULL; record = record->next)
		if (record->student != NULL)
			record->student->last_record = NULL;
	rehearsal->records = NULL;
	rehearsal->records_end = &rehearsal->records;
}

Rehearsal *
rehearsal_create(Arena *arena, const char *lea, DayNumber today, const RuleBook *rules)
{
	Rehearsal  *rehearsal = arena_allocate(arena, sizeof(Rehearsal));

	rehearsal->arena = arena;
	rehearsal->lea = lea;
	rehearsal->today = today;
	rehearsal->rules = rules;
	make_buckets(rehearsal, FIRST_BUCKET_COUNT);
	begin_file(rehearsal);
	return rehearsal;
}

void
rehearsal_take(Rehearsal *rehearsal, const char *line)
{
	Row		   *row = read_row(rehearsal, line);

	if (row != NULL && belongs_to_student(row))
		take_row(student_of(rehearsal, text_of(row, SENR_SSID)), row);
}

void
rehearsal_submit(Rehearsal *rehearsal, int64_t line_no, const char *line)
{
	Record	   *record = arena_allocate(rehearsal->arena, sizeof(Record));

	record->line_no = line_no;
	record->row = read_row(rehearsal, line);
	if (record->row != NULL && belongs_to_student(record->row))
	{
		record->student = student_of(rehearsal, text_of(record->row, SENR_SSID));
		record->previous_of_student = record->student->last_record;
		record->student->last_record = record;
	}
	*rehearsal->records_end = record;
	rehearsal->records_end = &record->next;
}

FileVerdict
rehearsal_end_file(Rehearsal *rehearsal)
{
	FileVerdict verdict = judge_file(rehearsal);

	for (const Record *record = rehearsal->records; record != NULL && verdict.refused == 0;
		 record = record->next)
		if (record->student != NULL)
			take_row(record->student, record->row);
	begin_file(rehearsal);
	return verdict;
}

/* ---- differences --------------------------------------------------------------------- */

typedef struct DifferenceList
{
	Arena	   *arena;
	Difference *first;
	Difference **end;
} DifferenceList;

void
rehearsal_expect(Rehearsal *rehearsal, const char *line)
{
	Row		   *row = read_row(rehearsal, line);
	StudentState *student;

	if (row == NULL || !belongs_to_student(row))
		return;
	student = student_of(rehearsal, text_of(row, SENR_SSID));
	row->next = student->expected;
	student->expected = row;
}

static void
add_difference(DifferenceList *list, const Row *row, int field, const char *explanation)
{
	Difference *difference = arena_allocate(list->arena, sizeof(Difference));

	difference->key = key_of(row);
	difference->field = field;
	difference->explanation = explanation;
	*list->end = difference;
	list->end = &difference->next;
}

/* Fields 1.06 and 1.23 to 1.35 (DESIGN section 5, rule 1). */
static bool
is_compared(int field)
{
	return field == SENR_SCHOOL_NPS || field >= SENR_STATUS;
}

static const char *
value_words(Arena *arena, const Row *row, int field)
{
	if (is_blank(row, field))
		return "nothing";
	return arena_print(arena, "\"%s\"", text_of(row, field));
}

static void
compare_fields(DifferenceList *list, const Row *held, const Row *expected)
{
	for (int field = 0; field < SENR_FIELD_COUNT; field++)
		if (is_compared(field) && !says(held, field, text_of(expected, field)))
			add_difference(list, expected, field,
						   arena_print(list->arena, "CALPADS would hold %s, the SIS has %s.",
									   value_words(list->arena, held, field),
									   value_words(list->arena, expected, field)));
}

/*
 * A no-show that exits at or before its start is what is left of a row, and
 * nobody's to delete or to add (DESIGN section 5, rule 5).
 */
static bool
is_leftover(const Row *row)
{
	return is_no_show(row) && row->end <= row->start;
}

static void
compare_student(DifferenceList *list, StudentState *student)
{
	for (const Row *expected = student->expected; expected != NULL; expected = expected->next)
	{
		const Row  *held = find_row(student->rows, expected);

		if (held != NULL)
			compare_fields(list, held, expected);
		else if (!is_leftover(expected))
			add_difference(list, expected, -1, "The SIS has this enrollment, CALPADS would not.");
	}
	for (const Row *held = student->rows; held != NULL; held = held->next)
		if (find_row(student->expected, held) == NULL && !is_leftover(held))
			add_difference(list, held, -1, "CALPADS would hold this enrollment, the SIS has none.");
}

static int
compare_ssid(const void *a, const void *b)
{
	return strcmp((*(StudentState *const *) a)->ssid, (*(StudentState *const *) b)->ssid);
}

static StudentState **
students_by_ssid(const Rehearsal *rehearsal)
{
	StudentState **students = arena_allocate(rehearsal->arena,
											 rehearsal->student_count * sizeof(StudentState *));
	size_t		count = 0;

	for (size_t bucket = 0; bucket < rehearsal->bucket_count; bucket++)
		for (StudentState *student = rehearsal->buckets[bucket]; student != NULL; student = student->next)
			students[count++] = student;
	qsort(students, count, sizeof(StudentState *), compare_ssid);
	return students;
}

const Difference *
rehearsal_differences(Rehearsal *rehearsal)
{
	DifferenceList list = {rehearsal->arena, NULL, NULL};
	StudentState **students = students_by_ssid(rehearsal);

	list.end = &list.first;
	for (size_t student = 0; student < rehearsal->student_count; student++)
		compare_student(&list, students[student]);
	return list.first;
}
