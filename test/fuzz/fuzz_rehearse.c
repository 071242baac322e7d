/*
 * Any bytes as rows that CALPADS holds, files that are posted, and rows of the
 * SIS, under the rules that are shipped.  The first byte chooses SENR or SPRG;
 * then come lines, each ended by byte 0x01: what is done with the line, and
 * the line, or how it differs from a good one: the number of a field and its
 * text, ended by byte 0x02.
 *
 * What must be true: each refused record is told with its line, in the order
 * of the lines, and a file that is refused changes nothing.
 */
#include <string.h>

#include "fuzz.h"
#include "program.h"
#include "reference_data.h"
#include "rehearse.h"

#define LEA "1912345"

typedef enum LineUse
{
	LINE_TAKEN,
	LINE_SUBMITTED,
	LINE_EXPECTED,
	LINE_ENROLLS,
	LINE_ENDS_FILE,
	LINE_USE_COUNT
} LineUse;

typedef struct Bytes
{
	const uint8_t *data;
	size_t		size;
} Bytes;

typedef struct Replay
{
	Arena	   *arena;
	const RuleBook *rules;
	Rehearsal  *rehearsal;
	int64_t		submitted;		/* of the file at hand */
} Replay;

static void
out_of_memory(size_t wanted)
{
	fprintf(stderr, "no memory for %zu bytes\n", wanted);
	exit(1);
}

/* ---- bytes ------------------------------------------------------------------- */

static uint8_t
take_byte(Bytes *bytes)
{
	if (bytes->size == 0)
		return 0;
	bytes->size--;
	return *bytes->data++;
}

/* The bytes up to the mark, which is passed over. */
static Bytes
take_until(Bytes *bytes, uint8_t mark)
{
	const uint8_t *end = bytes->size > 0 ? memchr(bytes->data, mark, bytes->size) : NULL;
	Bytes		part = {bytes->data, end != NULL ? (size_t) (end - bytes->data) : bytes->size};

	bytes->size -= part.size + (end != NULL);
	bytes->data += part.size + (end != NULL);
	return part;
}

/* Text of the server has no NUL. */
static const char *
text_of_bytes(Arena *arena, Bytes bytes)
{
	char	   *text = arena_copy(arena, bytes.size > 0 ? (const char *) bytes.data : "", bytes.size);

	for (size_t at = 0; at < bytes.size; at++)
		if (text[at] == '\0')
			text[at] = ' ';
	return text;
}

/* ---- lines ------------------------------------------------------------------- */

static void
fill_senr(const char *value[PICTURE_FIELD_COUNT])
{
	value[SENR_RECORD_TYPE] = "SENR";
	value[SENR_TRANSACTION_TYPE] = "A";
	value[SENR_REPORTING_LEA] = LEA;
	value[SENR_SCHOOL] = "6100101";
	value[SENR_ACADEMIC_YEAR] = "2025-2026";
	value[SENR_SSID] = "1234567890";
	value[SENR_LOCAL_STUDENT_ID] = "4711";
	value[SENR_FIRST_NAME] = "An";
	value[SENR_LAST_NAME] = "Lee";
	value[SENR_BIRTH_DATE] = "20150203";
	value[SENR_GENDER] = "F";
	value[SENR_START_DATE] = "20250820";
	value[SENR_STATUS] = "10";
	value[SENR_GRADE] = "05";
}

static void
fill_sprg(const char *value[PICTURE_FIELD_COUNT])
{
	value[SPRG_RECORD_TYPE] = "SPRG";
	value[SPRG_TRANSACTION_TYPE] = "A";
	value[SPRG_REPORTING_LEA] = LEA;
	value[SPRG_SCHOOL] = "6100101";
	value[SPRG_ACADEMIC_YEAR] = "2025-2026";
	value[SPRG_SSID] = "1234567890";
	value[SPRG_LOCAL_STUDENT_ID] = "4711";
	value[SPRG_FIRST_NAME] = "An";
	value[SPRG_LAST_NAME] = "Lee";
	value[SPRG_BIRTH_DATE] = "20150203";
	value[SPRG_GENDER] = "F";
	value[SPRG_PROGRAM] = "181";
	value[SPRG_START_DATE] = "20250820";
}

static const char *
good_line_but(const Replay *replay, Bytes differences)
{
	const Process *process = replay->rules->process;
	const char *value[PICTURE_FIELD_COUNT] = {NULL};
	const char *line = "";

	if (process == &senr_process)
		fill_senr(value);
	else
		fill_sprg(value);
	while (differences.size > 0)
	{
		int			field = take_byte(&differences) % process->field_count;

		value[field] = text_of_bytes(replay->arena, take_until(&differences, 2));
	}
	for (int field = 0; field < process->field_count; field++)
		line = arena_print(replay->arena, "%s%s%s", line, field > 0 ? "^" : "", value[field] != NULL ? value[field] : "");
	return line;
}

/* ---- what is done with them ------------------------------------------------------ */

static int
count_differences(const Replay *replay)
{
	int			count = 0;

	for (const Difference *difference = rehearsal_differences(replay->rehearsal); difference != NULL;
		 difference = difference->next)
	{
		MUST(difference->explanation[0] != '\0' && difference->field < replay->rules->process->field_count);
		count++;
	}
	return count;
}

static void
end_file(Replay *replay)
{
	int			before = count_differences(replay);
	FileVerdict verdict = rehearsal_end_file(replay->rehearsal);
	int64_t		refused = 0;
	int64_t		line_no = 0;

	for (const Refusal *refusal = verdict.refusals; refusal != NULL; refusal = refusal->next)
	{
		MUST(refusal->line_no >= line_no && refusal->explanation[0] != '\0' && refusal->rule[0] != '\0');
		refused += refusal->line_no > line_no;
		line_no = refusal->line_no;
	}
	MUST(verdict.records == replay->submitted && verdict.refused == refused && line_no <= replay->submitted);
	MUST(refused == 0 || count_differences(replay) == before);
	replay->submitted = 0;
}

/* Days of the school year 2025-26. */
static void
enroll(const Replay *replay, Bytes bytes)
{
	static const char *const reasons[] = {NULL, "T160", "E150", "E155"};
	uint8_t		choice = take_byte(&bytes);
	DayNumber	start = day_from_calendar(2025, 7, 1) + take_byte(&bytes);
	CarryingStay stay = {choice & 1 ? "6100101" : "6100102", start, ROW_OPEN, reasons[choice >> 1 & 3], choice & 8, NULL};

	if (stay.reason != NULL)
		stay.end = start + take_byte(&bytes);
	rehearsal_enroll(replay->rehearsal, "1234567890", &stay);
}

static void
use_line(Replay *replay, LineUse use, Bytes bytes, bool whole)
{
	const char *line = whole ? text_of_bytes(replay->arena, bytes) : good_line_but(replay, bytes);

	switch (use)
	{
		case LINE_TAKEN:
			rehearsal_take(replay->rehearsal, line);
			break;
		case LINE_SUBMITTED:
			rehearsal_submit(replay->rehearsal, ++replay->submitted, line);
			break;
		case LINE_EXPECTED:
			rehearsal_expect(replay->rehearsal, line);
			break;
		case LINE_ENROLLS:
			enroll(replay, bytes);
			break;
		default:
			end_file(replay);
			break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static Arena *shipped;
	static Arena *arena;
	static RuleBook books[2];
	Bytes		bytes = {data, size};
	Replay		replay;

	if (shipped == NULL)
	{
		shipped = arena_create(out_of_memory);
		arena = arena_create(out_of_memory);
		books[0] = load_process_book(shipped, &senr_process, 2025);
		books[1] = load_process_book(shipped, &sprg_process, 2025);
	}
	replay = (Replay) {arena, &books[take_byte(&bytes) & 1], NULL, 0};
	replay.rehearsal = rehearsal_create(arena, LEA, day_from_calendar(2025, 11, 1), replay.rules);
	while (bytes.size > 0)
	{
		uint8_t		use = take_byte(&bytes);

		use_line(&replay, use % LINE_USE_COUNT, take_until(&bytes, 1), use >= 0x80);
	}
	end_file(&replay);
	arena_reset(arena);
	return 0;
}
