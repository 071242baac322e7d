/*-------------------------------------------------------------------------
 *
 * rehearse.c
 *	  Replays files against what CALPADS holds, under CALPADS' rules.
 *
 *-------------------------------------------------------------------------
 */
#include "rehearse_process.h"

#include <stdlib.h>
#include <string.h>

#include "process.h"

#define FIRST_BUCKET_COUNT 1024

/* ---- lines ------------------------------------------------------------------ */

/* The text of a field, empty when it is blank. */
const char *
text_of(const Row *row, int field)
{
	return row->text + row->offset[field];
}

bool
is_blank(const Row *row, int field)
{
	return text_of(row, field)[0] == '\0';
}

bool
says(const Row *row, int field, const char *text)
{
	return strcmp(text_of(row, field), text) == 0;
}

/* CALPADS takes spaces alone for nothing (spec/senr.md section 2). */
static void
erase_spaces(char *field)
{
	const char *first = field;

	while (*first == ' ')
		first++;
	if (*first == '\0')
		field[0] = '\0';
}

/* Cuts the text at its carets; false when there are not as many fields. */
static bool
split(char *text, uint32_t *offset, int field_count)
{
	int			count = 0;
	char	   *caret;

	for (char *field = text; field != NULL; field = caret)
	{
		if (count == field_count)
			return false;
		caret = strchr(field, '^');
		if (caret != NULL)
			*caret++ = '\0';
		erase_spaces(field);
		offset[count++] = (uint32_t) (field - text);
	}
	return count == field_count;
}

static DayNumber
day_of(const Row *row, int field, DayNumber when_blank)
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
	const ReplayedProcess *process = rehearsal->process;
	Row		   *row = arena_allocate(rehearsal->arena, sizeof(Row));
	char	   *text = arena_copy(rehearsal->arena, line, strlen(line));

	row->text = text;
	if (!split(text, row->offset, process->field_count))
		return NULL;
	row->start = day_of(row, process->start, REHEARSAL_NO_DAY);
	row->end = day_of(row, process->end, ROW_OPEN);
	return row;
}

static bool
has_usable_dates(const Row *row)
{
	return row->start != REHEARSAL_NO_DAY && row->end != REHEARSAL_NO_DAY;
}

/* Enough to set it beside the other rows of a student. */
static bool
belongs_to_student(const ReplayedProcess *process, const Row *row)
{
	return has_usable_dates(row) && !is_blank(row, process->ssid);
}

bool
is_deletion(const ReplayedProcess *process, const Row *row)
{
	return says(row, process->transaction_type, "D");
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

Row *
find_row(const ReplayedProcess *process, Row *rows, const Row *like)
{
	while (rows != NULL && !process->have_one_key(rows, like))
		rows = rows->next;
	return rows;
}

static void
remove_row(const ReplayedProcess *process, StudentState *student, const Row *like)
{
	for (Row **link = &student->rows; *link != NULL; link = &(*link)->next)
		if (process->have_one_key(*link, like))
		{
			*link = (*link)->next;
			student->row_count--;
			return;
		}
}

/* What a posted record does. */
static void
take_row(const ReplayedProcess *process, StudentState *student, Row *row)
{
	remove_row(process, student, row);
	if (is_deletion(process, row))
		return;
	row->next = student->rows;
	student->rows = row;
	student->row_count++;
}

/* ---- reasons ------------------------------------------------------------------ */

static RehearsalKey
key_of(const ReplayedProcess *process, const Row *row)
{
	RehearsalKey key = {NULL, NULL, NULL, row->start};

	if (!is_blank(row, process->ssid))
		key.ssid = text_of(row, process->ssid);
	if (!is_blank(row, process->school))
		key.school = text_of(row, process->school);
	if (process->program >= 0 && !is_blank(row, process->program))
		key.program = text_of(row, process->program);
	return key;
}

/* One reason for a rule and a field is enough. */
void
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
	refusal->key = row != NULL ? key_of(judgement->rehearsal->process, row) :
		(RehearsalKey){NULL, NULL, NULL, REHEARSAL_NO_DAY};
	refusal->explanation = explanation;
	*judgement->end = refusal;
	judgement->end = &refusal->next;
}

/*
 * Whether a rule refuses, warns or is off, calpads.rule says; only what is no
 * record of the file at all, and what the order of the files rests on
 * (SENR0178, SENR0027), is refused in any case.
 */
void
refuse_by_book(Judgement *judgement, const char *rule, int field, const char *explanation)
{
	if (rule_severity(judgement->rehearsal->rules, rule) == RULE_FATAL)
		refuse(judgement, rule, field, explanation);
}

const char *
date_words(Arena *arena, DayNumber number)
{
	int			year,
				month,
				day;

	day_to_calendar(number, &year, &month, &day);
	return arena_print(arena, "%02d/%02d/%04d", month, day, year);
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
	const ReplayedProcess *process = judgement->rehearsal->process;
	const RuleBook *rules = judgement->rehearsal->rules;
	bool		encoded = rules->encodable != NULL && is_deletion(process, row);

	for (int field = 0; field < process->field_count; field++)
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

/* Is the line a record of the process at all?  What follows needs that. */
static bool
judge_form(Judgement *judgement)
{
	const ReplayedProcess *process = judgement->rehearsal->process;
	const Row  *row = judgement->record->row;

	if (row == NULL)
		refuse(judgement, "FORMAT", -1, process->form);
	else if (!says(row, 0, process->record_type))
		refuse(judgement, "FORMAT", 0, arena_print(judgement->rehearsal->arena, "The record type is not %s.",
												   process->record_type));
	else
		judge_characters(judgement);
	return judgement->first == NULL;
}

static bool
judge_transaction_type(Judgement *judgement)
{
	const ReplayedProcess *process = judgement->rehearsal->process;
	const Row  *row = judgement->record->row;

	if (is_deletion(process, row) || is_blank(row, process->transaction_type) ||
		says(row, process->transaction_type, "A"))
		return true;
	/* Whether CALPADS still takes R, nobody has said (spec/senr.md section 4). */
	refuse(judgement, "GERR0008", process->transaction_type, "The transaction type is neither A, D nor blank.");
	return false;
}

static bool
judge_dates(Judgement *judgement)
{
	const ReplayedProcess *process = judgement->rehearsal->process;
	const Row  *row = judgement->record->row;

	if (is_blank(row, process->start))
		refuse(judgement, "GERR0001", process->start, "The field is blank, and CALPADS requires it.");
	else if (row->start == REHEARSAL_NO_DAY)
		refuse(judgement, "FRMT0002", process->start, "The field is not a date (CCYYMMDD).");
	if (row->end == REHEARSAL_NO_DAY)
		refuse(judgement, "FRMT0002", process->end, "The field is not a date (CCYYMMDD).");
	return has_usable_dates(row);
}

static void
judge_submitter(Judgement *judgement)
{
	const ReplayedProcess *process = judgement->rehearsal->process;

	if (!says(judgement->record->row, process->lea, judgement->rehearsal->lea))
		refuse_by_book(judgement, process->lea_rule, process->lea, "The reporting LEA is not the one that "
					   "submits the file.");
}

static void
judge_content(Judgement *judgement)
{
	const Rehearsal *rehearsal = judgement->rehearsal;
	const Row  *row = judgement->record->row;
	PictureRow	record = {.start = row->start, .end = row->end};
	const Violation *violation;

	for (int field = 0; field < rehearsal->process->field_count; field++)
		record.value[field] = is_blank(row, field) ? NULL : text_of(row, field);
	violation = rule_check(rehearsal->arena, rehearsal->rules, &record, rehearsal->today);
	for (; violation != NULL; violation = violation->next)
		refuse(judgement, violation->rule, violation->field, violation->explanation);
}

/* ---- rules about what CALPADS held before the file ------------------------------- */

static void
judge_against_state(Judgement *judgement)
{
	const ReplayedProcess *process = judgement->rehearsal->process;
	const Row  *row = judgement->record->row;

	process->judge_student(judgement);
	for (const Row *held = judgement->record->student->rows; held != NULL; held = held->next)
		if (!process->have_one_key(row, held))
			process->judge_beside(judgement, held, "");
}

/* ---- rules inside the file -------------------------------------------------------- */

static const Record *
earlier_of_same_key(const ReplayedProcess *process, const Record *record)
{
	const Record *earlier = record->previous_of_student;

	while (earlier != NULL && !process->have_one_key(earlier->row, record->row))
		earlier = earlier->previous_of_student;
	return earlier;
}

static void
judge_inside_file(Judgement *judgement)
{
	Arena	   *arena = judgement->rehearsal->arena;
	const ReplayedProcess *process = judgement->rehearsal->process;
	const Record *record = judgement->record;
	const Record *earlier = earlier_of_same_key(process, record);

	if (earlier != NULL)
	{
		refuse_by_book(judgement, "IVR0034", -1,
			   arena_print(arena, "Line %lld of the file has the same %s.", (long long) earlier->line_no,
						   process->key_words));
		return;
	}
	if (is_deletion(process, record->row))
		return;
	for (earlier = record->previous_of_student; earlier != NULL; earlier = earlier->previous_of_student)
		if (!is_deletion(process, earlier->row))
			process->judge_beside(judgement, earlier->row,
								  arena_print(arena, " (line %lld of the file)", (long long) earlier->line_no));
}

/* ---- records and files ------------------------------------------------------------- */

/* The operational key of a deletion; other records are asked by rule_check. */
static void
judge_key(Judgement *judgement)
{
	const ReplayedProcess *process = judgement->rehearsal->process;
	const Row  *row = judgement->record->row;

	if (is_blank(row, process->ssid))
		refuse(judgement, process->ssid_rule, process->ssid, "A deletion names its row by the SSID.");
	if (is_blank(row, process->school))
		refuse(judgement, "GERR0001", process->school, "The field is blank, and CALPADS requires it.");
}

/* The format decides first, for the rules after it rely on it. */
static void
judge_record(Judgement *judgement)
{
	const ReplayedProcess *process = judgement->rehearsal->process;
	const Row  *row = judgement->record->row;

	if (!judge_form(judgement) || !judge_transaction_type(judgement) || !judge_dates(judgement))
		return;
	judge_submitter(judgement);
	if (is_deletion(process, row))
		judge_key(judgement);
	else
		judge_content(judgement);
	if (judgement->record->student == NULL)
		return;
	judge_inside_file(judgement);
	if (is_deletion(process, row))
		process->judge_deletion(judgement);
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
	rehearsal->process = rules->process == &sprg_process ? &replayed_sprg : &replayed_senr;
	rehearsal->lea = lea;
	rehearsal->today = today;
	rehearsal->rules = rules;
	make_buckets(rehearsal, FIRST_BUCKET_COUNT);
	begin_file(rehearsal);
	return rehearsal;
}

/* The row with an end date. */
static Row *
ended_row(Rehearsal *rehearsal, const Row *row, DayNumber end)
{
	const ReplayedProcess *process = rehearsal->process;
	const char *line = "";
	char		digits[8];

	day_to_date8(end, digits);
	for (int field = 0; field < process->field_count; field++)
		line = field == process->end ?
			arena_print(rehearsal->arena, "%s^%.8s", line, digits) :
			arena_print(rehearsal->arena, "%s%s%s", line, field > 0 ? "^" : "", text_of(row, field));
	return read_row(rehearsal, line);
}

void
rehearsal_take(Rehearsal *rehearsal, const char *line)
{
	const ReplayedProcess *process = rehearsal->process;
	Row		   *row = read_row(rehearsal, line);
	StudentState *student;
	DayNumber	end;

	if (row == NULL || !belongs_to_student(process, row))
		return;
	student = student_of(rehearsal, text_of(row, process->ssid));
	end = process->closing_day != NULL ? process->closing_day(student, row) : ROW_OPEN;
	take_row(process, student, end != ROW_OPEN ? ended_row(rehearsal, row, end) : row);
}

void
rehearsal_enroll(Rehearsal *rehearsal, const char *ssid, const CarryingStay *stay)
{
	StudentState *student = student_of(rehearsal, arena_copy(rehearsal->arena, ssid, strlen(ssid)));
	CarryingStay *copy = arena_allocate(rehearsal->arena, sizeof(CarryingStay));

	*copy = *stay;
	copy->school = arena_copy(rehearsal->arena, stay->school, strlen(stay->school));
	if (stay->reason != NULL)
		copy->reason = arena_copy(rehearsal->arena, stay->reason, strlen(stay->reason));
	copy->next = student->stays;
	student->stays = copy;
}

void
rehearsal_submit(Rehearsal *rehearsal, int64_t line_no, const char *line)
{
	Record	   *record = arena_allocate(rehearsal->arena, sizeof(Record));

	record->line_no = line_no;
	record->row = read_row(rehearsal, line);
	if (record->row != NULL && belongs_to_student(rehearsal->process, record->row))
	{
		record->student = student_of(rehearsal, text_of(record->row, rehearsal->process->ssid));
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
			take_row(rehearsal->process, record->student, record->row);
	begin_file(rehearsal);
	return verdict;
}

/* ---- differences --------------------------------------------------------------------- */

typedef struct DifferenceList
{
	Arena	   *arena;
	const ReplayedProcess *process;
	Difference *first;
	Difference **end;
} DifferenceList;

/* The latest row first, and those of one day in an order that does not change. */
static bool
comes_before(const ReplayedProcess *process, const Row *a, const Row *b)
{
	if (a->start != b->start)
		return a->start > b->start;
	for (int field = 0; field < process->field_count; field++)
	{
		int			order = strcmp(text_of(a, field), text_of(b, field));

		if (order != 0)
			return order > 0;
	}
	return false;
}

void
rehearsal_expect(Rehearsal *rehearsal, const char *line)
{
	Row		   *row = read_row(rehearsal, line);
	Row		  **place;

	if (row == NULL || !belongs_to_student(rehearsal->process, row))
		return;
	place = &student_of(rehearsal, text_of(row, rehearsal->process->ssid))->expected;
	while (*place != NULL && comes_before(rehearsal->process, *place, row))
		place = &(*place)->next;
	row->next = *place;
	*place = row;
}

static void
add_difference(DifferenceList *list, const Row *row, int field, const char *explanation)
{
	Difference *difference = arena_allocate(list->arena, sizeof(Difference));

	difference->key = key_of(list->process, row);
	difference->field = field;
	difference->explanation = explanation;
	*list->end = difference;
	list->end = &difference->next;
}

static const char *
value_words(Arena *arena, const Row *row, int field)
{
	if (is_blank(row, field))
		return "nothing";
	return arena_print(arena, "\"%s\"", text_of(row, field));
}

static void
compare_fields(DifferenceList *list, const StudentState *student, const Row *held,
			   const Row *expected)
{
	const ReplayedProcess *process = list->process;

	for (int field = 0; field < process->field_count; field++)
		if (process->is_compared(field) && !says(held, field, text_of(expected, field)) &&
			(process->is_wanted == NULL || !process->is_wanted(student, held, expected, field)))
			add_difference(list, expected, field,
						   arena_print(list->arena, "CALPADS would hold %s, the SIS has %s.",
									   value_words(list->arena, held, field),
									   value_words(list->arena, expected, field)));
}

static bool
may_be_left(const ReplayedProcess *process, const Row *row)
{
	return process->is_leftover != NULL && process->is_leftover(row);
}

static void
compare_student(DifferenceList *list, StudentState *student)
{
	const ReplayedProcess *process = list->process;

	for (const Row *expected = student->expected; expected != NULL; expected = expected->next)
	{
		const Row  *held = find_row(process, student->rows, expected);

		if (held != NULL)
			compare_fields(list, student, held, expected);
		else if (!may_be_left(process, expected))
			add_difference(list, expected, -1,
						   arena_print(list->arena, "The SIS has this %s, CALPADS would not.",
									   process->row_word));
	}
	for (const Row *held = student->rows; held != NULL; held = held->next)
		if (find_row(process, student->expected, held) == NULL && !may_be_left(process, held))
			add_difference(list, held, -1,
						   arena_print(list->arena, "CALPADS would hold this %s, the SIS has none.",
									   process->row_word));
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
	DifferenceList list = {rehearsal->arena, rehearsal->process, NULL, NULL};
	StudentState **students = students_by_ssid(rehearsal);

	list.end = &list.first;
	for (size_t student = 0; student < rehearsal->student_count; student++)
		compare_student(&list, students[student]);
	return list.first;
}
