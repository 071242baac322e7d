/*
 * The rules, with the reference data that is shipped: for every rule that is
 * implemented a record that breaks it alone, and the same record mended.
 *
 * A record is written as what differs from a fifth grader who is enrolled at
 * an elementary school since 2025-08-20 (today is 2025-11-01): name=value, a
 * blank value written "~".  The student's other rows follow after ";".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enrollment.h"
#include "process.h"
#include "reconcile.h"
#include "reference_data.h"
#include "unit.h"

#define LEA "1961234"
#define SSID "1234567890"

#define TWELFTH "school=1930000 grade=12 birth=20080203 "
#define GRADUATE TWELFTH "exit=20251001 reason=E230 completion=100 exemption=N uc=Y "
#define PROMOTED "exit=20251001 reason=E230 completion=480 "
#define ADULT "school=1990000 grade=AD birth=19800203 "
#define NONPUBLIC "school=0000001 nps=7100001 "

typedef struct Case
{
	const char *number;			/* in calpads.rule */
	const char *broken;
	const char *mended;
	bool		with_institutions;	/* calpads.institution has rows */
} Case;

static const Case cases[] = {
	/* form, codes */
	{"FRMT0001", "first=Abcdefghijklmnopqrstuvwxyzabcde", "first=Abcdefghijklmnopqrstuvwxyzabcd", false},
	{"FRMT0002", "birth=20150229", "birth=20150228", false},
	{"FRMT0002", "birth=10150203", "birth=20150203", false},
	{"FRMT0004", "last=O^Hara", "last=O\"Hara", false},
	{"FRMT0004", "last=Ha\x01ra", "last=H\303\241ra", false},
	{"GERR0001", "first=~", "first=An", false},
	{"GERR0001", "gender=~", "gender=X", false},
	{"GERR0001", "local=~", "local=4711", false},
	{"GERR0001", "status=~", "status=10", false},
	{"GERR0001", "grade=~", "grade=04", false},
	{"GERR0002", "gender=Q", "gender=M", false},
	{"GERR0002", "grade=5", "grade=05", false},
	{"GERR0002", "uc=y", "uc=Y", false},
	{"GERR0002", "transfer=9 residence=1965432", "transfer=1 residence=1965432", false},
	{"GERR0007", "status=40", "status=50", false},
	{"GERR0007", "status=50 start=20180820 exit=20180831 reason=E170",
	"status=50 start=20190820 exit=20190831 reason=E170", false},
	{"GERR0007", "exit=20251001 reason=N430", "exit=20251001 reason=T160", false},
	{"GERR0008", "type=X", "type=~", false},
	{"SENR-LOCAL-ID", "local=1234567890123456", "local=123456789012345", false},

	/* key and year */
	{"SENR0007", "ssid=123456789", "ssid=0123456789", false},
	{"SENR0007", "ssid=123456789X", "ssid=9999999999", false},
	{"SENR0032", "type=D ssid=~", "type=D", false},
	{"SENR0167", "type=R start=20240820 exit=20250610 reason=E155", "type=R", false},
	{"SENR0006", "year=2025-2027", "year=2025-2026", false},
	{"SENR0006", "year=2025/2026", "year=2025-2026", false},
	{"SENR0742", "year=2024-2025", "year=2025-2026", false},
	{"SENR0742", "start=20250701 year=2024-2025", "start=20250701 year=2025-2026", false},
	{"SENR-START-RANGE", "start=20260502", "start=20260501", false},
	{"SENR-START-RANGE", "grade=IN status=50 birth=20250820", "grade=IN status=50 birth=20250819", false},
	{"CERT112", "start=20240820", "start=20240820 exit=20250610 reason=E155", false},

	/* schools */
	{"SENR0002", "school=610101", "school=6101010", false},
	{"SENR0002", "school=6109999", "school=6101011", false},
	{"SENR0003", "nps=7100001", "nps=~", false},
	{"SENR0004", "school=0000001", NONPUBLIC, false},
	{"SENR0005", "school=0000001 nps=71", "school=0000001 nps=9999999", false},
	{"SENR0005", "school=0000001 nps=7100009", NONPUBLIC, true},
	{"SENR0005", "school=0000001 nps=7100002", "school=0000001 nps=9999999", true},
	{"SENR0182", "school=1940000", "school=1940000 start=20250901", true},
	{"SENR0184", "school=1950000 start=20250901", "school=1950000 start=20250831", true},
	{"SENR0189", "status=30 start=20251020;status=10", "school=1960000 status=30 start=20251020;status=10", true},
	{"SENR0192", "residence=196123", "residence=1961234", false},
	{"SENR0192", "residence=1910199", "residence=1965432", true},
	{"SENR0192", "residence=1969999", "residence=1969999 exit=20250914 reason=T160", true},
	{"SENR0269", "school=1930000", TWELFTH, false},
	{"SENR0269", TWELFTH "school=6101010", TWELFTH "school=6101011", false},
	{"SENR0269", "school=1930000 grade=TK birth=20210203", "grade=TK birth=20210203", false},
	{"SENR0319", "grade=AD birth=19800203", ADULT, true},
	{"SENR0319", "school=1990000", ADULT, true},
	{"SENR-RESIDENCE", "transfer=1", "transfer=1 residence=1965432", false},
	{"SENR-RESIDENCE", "transfer=4", "transfer=5", false},
	{"SENR-COE-RESIDENCE", "school=1970000 transfer=6", "school=1970000 transfer=5", true},
	{"SENR-COE-RESIDENCE", "school=1980000 transfer=1", "school=1980000 transfer=1 residence=1965432", true},

	/* exit */
	{"SENR-EXIT-PAIR", "exit=20251001", "exit=20251001 reason=T160", false},
	{"SENR-EXIT-PAIR", "reason=T160", "exit=20251001 reason=T160", false},
	{"SENR0018", "exit=20250819 reason=T160", "exit=20250820 reason=T160", false},
	{"SENR0018", "exit=20250821 reason=N470", "exit=20250820 reason=N470", false},
	{"SENR0018", "exit=20250818 reason=N470", "exit=20250819 reason=N470", false},
	{"SENR-EXIT-FUTURE", "exit=20251202 reason=T160", "exit=20251201 reason=T160", false},
	{"SENR-E155-WINDOW", "start=20240820 exit=20250514 reason=E155", "start=20240820 exit=20250515 reason=E155",
	false},
	{"SENR-E155-WINDOW", "exit=20251001 reason=E155", "start=20250715 exit=20250815 reason=E155", false},
	{"SENR-N420-WINDOW", "exit=20251001 reason=N420", "start=20250701 exit=20250815 reason=N420", false},
	{"SENR0302", "status=20 exit=20251001 reason=T160", "status=20 exit=20251001 reason=E170", false},
	{"SENR0302", "status=20 exit=20250819 reason=N470", "status=10 exit=20250819 reason=N470", false},
	{"SENR0522", "status=50 exit=20251001 reason=T160", "status=50 exit=20251001 reason=E170", false},
	{"SENR0522", "status=50 exit=20251001 reason=T180", "status=50 exit=20250820 reason=N470", false},
	{"SENR0523", "exit=20251001 reason=E170", "status=50 exit=20251001 reason=E170", false},
	{"SENR-EXIT-GRADE", "exit=20251001 reason=E450", "grade=PS birth=20220203 exit=20251001 reason=E450", false},
	{"SENR-EXIT-GRADE", "exit=20251001 reason=T280", TWELFTH "exit=20251001 reason=T280", false},
	{"SENR-EXIT-GRADE", "exit=20251001 reason=E156", TWELFTH "exit=20251001 reason=E156", false},
	{"SENR-T165-RECEIVER", "exit=20251001 reason=T165", "exit=20251001 reason=T165 receiver=1960000", false},

	/* completion */
	{"SENR-E230-COMPLETION", "exit=20251001 reason=E230", PROMOTED, false},
	{"SENR0022", "exit=20251001 reason=T160 completion=480", PROMOTED, false},
	{"SENR0022", "completion=480", PROMOTED, false},
	{"SENR0175", GRADUATE "reason=T160", GRADUATE, false},
	{"SENR-COMPLETION-GRADE", "exit=20251001 reason=E230 completion=320", TWELFTH
		"exit=20251001 reason=E230 completion=320", false},
	{"SENR0315", PROMOTED "merit=Y", PROMOTED "merit=N", false},
	{"SENR0315", TWELFTH "merit=Y", GRADUATE "merit=Y", false},
	{"SENR0316", PROMOTED "biliteracy=Y", PROMOTED "biliteracy=N", false},
	{"SENR0316", TWELFTH "biliteracy=Y", GRADUATE "biliteracy=Y", false},
	{"SENR0630", TWELFTH "exemption=N", GRADUATE "exemption=Y", false},
	{"SENR0632", GRADUATE "exemption=~", GRADUATE "exemption=N", false},
	{"SENR0632", GRADUATE "exemption=~ start=20220820 exit=20230701",
	GRADUATE "exemption=~ start=20220820 exit=20230630", false},
	{"SENR-UC-CSU", GRADUATE "uc=~", GRADUATE "uc=N", false},

	/* status, age, birth */
	{"SENR0187", "status=30 exit=20250919 reason=T160", "status=30 exit=20250918 reason=T160", false},
	{"SENR0187", "status=30 start=20251002;status=10", "status=30 start=20251003;status=10", false},
	{"SENR0262", "grade=KN birth=20210821", "grade=KN birth=20210820", false},
	{"SENR0262", "grade=KN birth=20170820", "grade=KN birth=20170821", false},
	{"SENR0622", "grade=TK birth=20210902", "grade=TK birth=20210901", false},
	{"SENR0731F1", "grade=PS status=50 birth=20220821", "grade=PS status=50 birth=20220820", false},
	{"IVR0012", TWELFTH "birth=20020820", TWELFTH "birth=20020821", false},
	{"IVR0012", TWELFTH "birth=19900101", TWELFTH "birth=19900101 lea=1930000", false},
	{"IVR0012", TWELFTH "birth=19900101", "school=1980000 grade=12 birth=19900101", true},
	{"IVR0012", ADULT "birth=20090821", ADULT "birth=20090820", false},
	{"IVR0012", ADULT "birth=19450820", ADULT "birth=19450821", false},
	{"SENR-BIRTH-COUNTRY", "country=~", "country=~ status=50", false},
	{"SENR-BIRTH-STATE", "state=MX-BCN", "state=MX-BCN country=MX", false},

	/* other rows of the student */
	{"SENR0024", TWELFTH "status=20 start=20251006 exit=20251010 reason=E170;" GRADUATE,
	TWELFTH "status=20 start=20250901 exit=20251010 reason=E170;" GRADUATE, false},
	{"SENR0185", "status=30 start=20251010", "status=30 start=20251010;status=10", false},
	{"SENR0185", "status=30 start=20251010;start=20251011", "status=30 start=20251010;start=20251010", false},
	{"SENR0286", "exit=20251003 reason=E150;start=20251006", "exit=20251003 reason=E150;start=20251004", false},
	{"SENR0286", "exit=20251003 reason=E150;school=6101011 start=20251004",
	"exit=20251003 reason=E150;start=20251004", false},
	{"CERT114", "exit=20251003 reason=E150", "exit=20251003 reason=E150;start=20251004", false},
};

/* Records that no rule is broken by. */
static const char *const good_records[] = {
	"",
	"grade=KN birth=20200903",
	"grade=TK birth=20210715",
	"grade=TK birth=20210715 exit=20250930 reason=E230 completion=480",
	"grade=PS status=50 birth=20220203 exit=20251001 reason=E170",
	"grade=PS birth=20220203",
	"grade=IN status=50 birth=20250301",
	"grade=TD status=50 birth=20240301",
	"status=20",
	"status=50 country=~",
	"gender=X middle=~ suffix=~ city=~ state=~",
	"first=Zo\303\253 last=D'Angelo-N\303\272\303\261ez aliasfirst=\"Zo\"",
	"state=US-CA",
	"country=MX",
	NONPUBLIC,
	"school=0000001 nps=9999999",
	"school=0000002 status=50",
	"exit=20250819 reason=N470",
	"exit=20250820 reason=N470",
	"exit=20250820 reason=T160",
	"exit=20251001 reason=T160 receiver=6101011",
	"exit=20251001 reason=T180",
	"exit=20251001 reason=T200",
	"exit=20251001 reason=T240",
	"exit=20251001 reason=E130",
	"exit=20251001 reason=E140",
	"exit=20251001 reason=E410",
	"start=20240820 exit=20250610 reason=E155",
	"start=20240820 grade=04 exit=20250610 reason=E230 completion=485",
	"start=20230820 grade=03 exit=20240610 reason=E155",
	"transfer=1 residence=1965432",
	"transfer=5",
	TWELFTH,
	TWELFTH "start=20240820 exit=20250610 reason=E156",
	TWELFTH "start=20240820 exit=20250610 reason=E230 completion=360",
	TWELFTH "exit=20251001 reason=E230 completion=120",
	TWELFTH "exit=20251001 reason=E230 completion=330",
	TWELFTH "transition=Y",
	GRADUATE,
	GRADUATE "grade=11 merit=Y biliteracy=Y exemption=Y uc=N",
	ADULT "exit=20251001 reason=E230 completion=250",
};

/* ---- the books ------------------------------------------------------------------- */

static const SchoolGrades schools[] = {
	{"1930000", 9, 12},
	{"1940000", GRADE_UNKNOWN, GRADE_UNKNOWN},
	{"1950000", GRADE_UNKNOWN, GRADE_UNKNOWN},
	{"1960000", GRADE_UNKNOWN, GRADE_UNKNOWN},
	{"1970000", GRADE_UNKNOWN, GRADE_UNKNOWN},
	{"1980000", GRADE_UNKNOWN, GRADE_UNKNOWN},
	{"1990000", GRADE_UNKNOWN, GRADE_UNKNOWN},
	{"6101010", 0, 5},
	{"6101011", GRADE_UNKNOWN, GRADE_UNKNOWN},
};

static Institution institutions[] = {
	{"1910199", INSTITUTION_COUNTY_OFFICE, NULL, INT_MIN, INT_MAX},
	{"1940000", INSTITUTION_SCHOOL, "REG", 0, INT_MAX},
	{"1950000", INSTITUTION_SCHOOL, "REG", INT_MIN, 0},
	{"1960000", INSTITUTION_SCHOOL, "CON", INT_MIN, INT_MAX},
	{"1961234", INSTITUTION_DISTRICT, NULL, INT_MIN, INT_MAX},
	{"1965432", INSTITUTION_DISTRICT, NULL, INT_MIN, INT_MAX},
	{"1969999", INSTITUTION_DISTRICT, NULL, INT_MIN, 0},
	{"1970000", INSTITUTION_COUNTY_SCHOOL, "COMM", INT_MIN, INT_MAX},
	{"1980000", INSTITUTION_CHARTER_SCHOOL, "SPEC", INT_MIN, INT_MAX},
	{"1990000", INSTITUTION_SCHOOL, "ADULT", INT_MIN, INT_MAX},
	{"6101010", INSTITUTION_SCHOOL, "REG", INT_MIN, INT_MAX},
	{"7100001", INSTITUTION_NONPUBLIC_SCHOOL, NULL, INT_MIN, INT_MAX},
	{"7100002", INSTITUTION_NONPUBLIC_SCHOOL, NULL, INT_MIN, 0},
};

static Arena *reference_arena;
static RuleBook book;
static RuleBook full_book;

static DayNumber
today(void)
{
	return day_from_calendar(2025, 11, 1);
}

static void
load_books(void)
{
	institutions[1].opened = day_from_calendar(2025, 9, 1);
	institutions[2].closed = day_from_calendar(2025, 8, 31);
	institutions[6].closed = day_from_calendar(2025, 9, 15);
	institutions[12].closed = day_from_calendar(2025, 6, 30);
	book = load_test_book(reference_arena, 2025);
	book.schools = schools;
	book.school_count = sizeof(schools) / sizeof(schools[0]);
	full_book = book;
	full_book.institutions = institutions;
	full_book.institution_count = sizeof(institutions) / sizeof(institutions[0]);
	for (int i = 0; i < full_book.institution_count; i++)
		full_book.institution_kinds |= institutions[i].kind;
}

/* ---- from the notation to rows ----------------------------------------------------- */

static const struct
{
	const char *name;
	SenrField	field;
	const char *usual;
}			words[] = {
	{"type", SENR_TRANSACTION_TYPE, "A"},
	{"lea", SENR_REPORTING_LEA, LEA},
	{"school", SENR_SCHOOL, "6101010"},
	{"nps", SENR_SCHOOL_NPS, NULL},
	{"year", SENR_ACADEMIC_YEAR, NULL},
	{"ssid", SENR_SSID, SSID},
	{"local", SENR_LOCAL_STUDENT_ID, "4711"},
	{"first", SENR_FIRST_NAME, "Ana"},
	{"middle", SENR_MIDDLE_NAME, "Mia"},
	{"last", SENR_LAST_NAME, "Smith"},
	{"suffix", SENR_SUFFIX, NULL},
	{"aliasfirst", SENR_ALIAS_FIRST_NAME, NULL},
	{"birth", SENR_BIRTH_DATE, "20150203"},
	{"gender", SENR_GENDER, "F"},
	{"city", SENR_BIRTH_CITY, "Fresno"},
	{"state", SENR_BIRTH_STATE, NULL},
	{"country", SENR_BIRTH_COUNTRY, "US"},
	{"start", SENR_START_DATE, "20250820"},
	{"status", SENR_STATUS, "10"},
	{"grade", SENR_GRADE, "05"},
	{"exit", SENR_EXIT_DATE, NULL},
	{"reason", SENR_EXIT_REASON, NULL},
	{"completion", SENR_COMPLETION, NULL},
	{"receiver", SENR_RECEIVER_SCHOOL, NULL},
	{"uc", SENR_UC_CSU, NULL},
	{"transfer", SENR_TRANSFER, NULL},
	{"residence", SENR_RESIDENCE, NULL},
	{"merit", SENR_MERIT_DIPLOMA, NULL},
	{"biliteracy", SENR_BILITERACY, NULL},
	{"transition", SENR_TRANSITION, NULL},
	{"exemption", SENR_EXEMPTION, NULL},
};

#define WORD_COUNT (sizeof(words) / sizeof(words[0]))

static void
set_word(Enrollment *row, char *word)
{
	char	   *value = strchr(word, '=');

	*value++ = '\0';
	for (size_t i = 0; i < WORD_COUNT; i++)
		if (strcmp(words[i].name, word) == 0)
		{
			row->value[words[i].field] = strcmp(value, "~") == 0 ? NULL : value;
			return;
		}
	fprintf(stderr, "no field %s\n", word);
	exit(1);
}

static void
set_days(Arena *arena, Enrollment *row)
{
	int			year,
				month,
				day;

	field_parse_date8(text_of(row->value[SENR_START_DATE]), &row->start);
	row->end = ROW_OPEN;
	if (row->value[SENR_EXIT_DATE] != NULL)
		field_parse_date8(text_of(row->value[SENR_EXIT_DATE]), &row->end);
	day_to_calendar(school_year_start(row->start), &year, &month, &day);
	if (row->value[SENR_ACADEMIC_YEAR] == NULL)
		row->value[SENR_ACADEMIC_YEAR] = arena_print(arena, "%d-%d", year, year + 1);
}

static Enrollment *
make_row(Arena *arena, char *text)
{
	Enrollment *row = arena_allocate(arena, sizeof(Enrollment));
	char	   *state;

	row->value[SENR_RECORD_TYPE] = "SENR";
	for (size_t i = 0; i < WORD_COUNT; i++)
		row->value[words[i].field] = words[i].usual;
	for (char *word = strtok_r(text, " ", &state); word != NULL; word = strtok_r(NULL, " ", &state))
		set_word(row, word);
	set_days(arena, row);
	row->in_scope = true;
	return row;
}

/* "record;row;row" → rows, the record first; gives their number. */
static int
make_rows(Arena *arena, const char *text, const Enrollment *rows[8])
{
	char	   *rest = arena_copy(arena, text, strlen(text));
	int			count = 0;

	for (char *end; rest != NULL; rest = end)
	{
		end = strchr(rest, ';');
		if (end != NULL)
			*end++ = '\0';
		rows[count++] = make_row(arena, rest);
	}
	return count;
}

static Enrollment *
make_picture(Arena *arena, const char *text)
{
	const Enrollment *rows[8];
	int			count = make_rows(arena, text, rows);
	Enrollment *list = NULL;

	for (int i = 0; i < count; i++)
	{
		Enrollment *row = row_copy(arena, rows[i]);

		row->next = list;
		list = row;
	}
	return list;
}

/* ---- what is broken ------------------------------------------------------------------ */

static const char *
print_violations(Arena *arena, const char *printed, const Violation *violation, const char *mark)
{
	for (; violation != NULL; violation = violation->next)
		printed = arena_print(arena, "%s%s%s%s", printed, *printed ? " " : "", violation->rule, mark);
	return printed;
}

/* "SENR0018 SENR0742", warnings with "?" behind them. */
static const char *
broken_rules(Arena *arena, const RuleBook *rules, const char *text)
{
	const Enrollment *rows[8];
	int			count = make_rows(arena, text, rows);
	const char *printed;

	printed = print_violations(arena, "", rule_check(arena, rules, rows[0], today()), "");
	printed = print_violations(arena, printed,
							   rule_check_beside(arena, rules, rows[0], rows, count, today()), "");
	return print_violations(arena, printed,
							rule_warnings(arena, rules, rows[0], rows, count, today()), "?");
}

static void
check_rules(const char *expected, const char *found, const char *name)
{
	if (strcmp(expected, found) != 0)
		printf("# expected: %s\n# found:    %s\n", expected, found);
	CHECK_NAMED(strcmp(expected, found) == 0, name);
}

static const Rule *
rule_of(const char *number)
{
	for (int i = 0; i < book.rule_count; i++)
		if (strcmp(book.rules[i].number, number) == 0)
			return &book.rules[i];
	fprintf(stderr, "no rule %s\n", number);
	exit(1);
}

static void
test_cases(Arena *arena)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const RuleBook *rules = cases[i].with_institutions ? &full_book : &book;
		const Rule *rule = rule_of(cases[i].number);

		check_rules(arena_print(arena, "%s%s", rule->reported_as, rule->severity == RULE_FATAL ? "" : "?"),
					broken_rules(arena, rules, cases[i].broken),
					arena_print(arena, "%s is broken by %s", cases[i].number, cases[i].broken));
		check_rules("", broken_rules(arena, rules, cases[i].mended),
					arena_print(arena, "%s is not broken by %s", cases[i].number, cases[i].mended));
		arena_reset(arena);
	}
}

static void
test_good_records(Arena *arena)
{
	for (size_t i = 0; i < sizeof(good_records) / sizeof(good_records[0]); i++)
	{
		check_rules("", broken_rules(arena, &book, good_records[i]),
					arena_print(arena, "no rule is broken by '%s'", good_records[i]));
		arena_reset(arena);
	}
}

/* Every violation has a place, a sentence, and says where it is mended. */
static void
test_explanations(Arena *arena)
{
	bool		good = true;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const RuleBook *rules = cases[i].with_institutions ? &full_book : &book;
		const Enrollment *rows[8];
		int			count = make_rows(arena, cases[i].broken, rows);
		const Violation *violation = rule_check(arena, rules, rows[0], today());

		if (violation == NULL)
			violation = rule_warnings(arena, rules, rows[0], rows, count, today());
		good = good && violation != NULL && violation->field >= 0 && violation->field < SENR_FIELD_COUNT &&
			violation->explanation[strlen(violation->explanation) - 1] == '.' &&
			(violation->fix != NULL || senr_field_source[violation->field] != NULL);
	}
	CHECK_NAMED(good, "every violation has a field, a sentence and a place to mend it");
	arena_reset(arena);
}

/* ---- code sets, years and the district's own severity ---------------------------------- */

static void
test_incomplete_code_sets(Arena *arena)
{
	check_rules("GERR0002?", broken_rules(arena, &book, "suffix=XIX"),
				"a code outside an incomplete set only warns");
	check_rules("GERR0002", broken_rules(arena, &book, "gender=Q"), "one outside a complete set is refused");
	arena_reset(arena);
}

/* A copy of the book in which one rule has another severity. */
static RuleBook
book_with(Arena *arena, const char *number, RuleSeverity severity)
{
	RuleBook	changed = book;
	Rule	   *rules = arena_allocate(arena, (size_t) book.rule_count * sizeof(Rule));

	memcpy(rules, book.rules, (size_t) book.rule_count * sizeof(Rule));
	for (int i = 0; i < book.rule_count; i++)
		if (strcmp(rules[i].number, number) == 0)
			rules[i].severity = severity;
	changed.rules = rules;
	return changed;
}

static void
test_severities(Arena *arena)
{
	RuleBook	raised = book_with(arena, "SENR-UC-CSU", RULE_FATAL);
	RuleBook	lowered = book_with(arena, "SENR0262", RULE_WARNING);
	RuleBook	off = book_with(arena, "SENR0262", RULE_OFF);
	RuleBook	beside = book_with(arena, "CERT114", RULE_FATAL);
	RuleBook	empty = {.process = &senr_process, .layout = book.layout};

	check_rules("SENR-UC-CSU", broken_rules(arena, &raised, GRADUATE "uc=~"), "a warning is raised to fatal");
	check_rules("SENR0262?", broken_rules(arena, &lowered, "grade=KN birth=20100101"),
				"a fatal rule is lowered to a warning");
	check_rules("", broken_rules(arena, &off, "grade=KN birth=20100101"), "a rule that is off does not fire");
	check_rules("CERT114", broken_rules(arena, &beside, "exit=20251003 reason=E150"),
				"so is one about other rows");
	check_rules("SENR0006 SENR0742", broken_rules(arena, &book, "year=2027-2028"),
				"a year can be too far ahead and the wrong one");
	check_rules("", broken_rules(arena, &empty, "gender=Q exit=20250819"), "a rule that the book lacks does not "
				"fire");
	arena_reset(arena);
}

/* In 2021-22 some rules were not in force yet, and the last field did not exist. */
static void
test_years(Arena *arena)
{
	RuleBook	old = load_test_book(arena, 2021);

	CHECK_NAMED(rule_severity(&old, "SENR0742") == RULE_OFF && rule_severity(&book, "SENR0742") == RULE_FATAL,
				"SENR0742 is in force since 2025-26");
	CHECK_NAMED(rule_severity(&old, "SENR0193") == RULE_OFF && rule_severity(&book, "SENR0193") == RULE_OFF,
				"SENR0193 is switched off");
	CHECK_NAMED(old.layout->field_count == 34 && book.layout->field_count == 35,
				"1.35 is there since 2023-24");
	arena_reset(arena);
}

/* ---- rules that reconciling keeps -------------------------------------------------------- */

typedef struct StudentCase
{
	const char *number;
	const char *calpads;		/* NULL = nothing */
	const char *sis;
	const char *expected;		/* held rules, warnings with "?" */
} StudentCase;

static const StudentCase student_cases[] = {
	{"IVR0034", "", "grade=04;grade=03", "IVR0034 IVR0034"},
	{"IVR0034", "", "grade=04;grade=04", ""},
	{"SENR0027", NULL, ";school=6101011 start=20250901", "SENR0027"},
	{"SENR0027", NULL, "exit=20250831 reason=T160;school=6101011 start=20250901", ""},
	{"SENR0178", NULL, ";status=20 start=20250901", "SENR0178"},
	{"SENR0178", NULL, "exit=20250831 reason=T160;status=20 start=20250901", ""},
	{"SENR0035", "gender=M", "grade=04", "SENR0035?"},
	{"SENR0035", "birth=20140203", "grade=04", "SENR0035?"},
	{"SENR0035", "birth=20150403", "grade=04", ""},
	{"SENR0586", NULL, GRADUATE ";" TWELFTH "status=50 start=20251002 exit=20251010 reason=E170",
	"SENR0586"},
	{"SENR0586", NULL, GRADUATE ";" TWELFTH "school=1940000 status=50 exit=20250930 reason=E170", ""},
	{"SENR0587", NULL, GRADUATE ";" TWELFTH "status=50 start=20251002", "SENR0587"},
	{"SENR0180", "", NULL, ""},
	{"SENR0181", ";school=6101011 start=20250701 exit=20250702 reason=T160", "", ""},
	{"DUPLICATE_SSID", NULL, ";local=4712 status=20 school=6101011", "DUPLICATE_SSID DUPLICATE_SSID"},
	{"EARLIER_YEAR", "start=20240820 exit=20250610 reason=E155", NULL, "EARLIER_YEAR"},
	{"REPLACEMENT_HELD", ";school=6101011 start=20250701 exit=20250702 reason=T160",
	"start=20250821 gender=F year=2024-2025;school=6101011 start=20250701 exit=20250702 reason=T160",
	"REPLACEMENT_HELD SENR0742"},
};

static const char *
print_findings(Arena *arena, const char *printed, const Finding *finding, const char *mark)
{
	const char *found[16];
	int			count = 0;

	for (; finding != NULL; finding = finding->next)
		found[count++] = finding->rule;
	for (int i = 0; i < count; i++)
		for (int j = i + 1; j < count; j++)
			if (strcmp(found[i], found[j]) > 0)
			{
				const char *other = found[i];

				found[i] = found[j];
				found[j] = other;
			}
	for (int i = 0; i < count; i++)
		printed = arena_print(arena, "%s%s%s%s", printed, *printed ? " " : "", found[i], mark);
	return printed;
}

static Reconciliation
reconcile_texts(Arena *arena, const char *calpads, const char *sis, bool protected_from_removal,
				const char *load_problem)
{
	Student		student = {0};
	ReconcileOptions options = {.rules = &book};

	options.today = today();
	options.year_start = day_from_calendar(2025, 7, 1);
	options.window_start = day_from_calendar(2023, 7, 1);
	if (calpads != NULL)
		student.baseline = make_picture(arena, calpads);
	if (sis != NULL)
		student.target = make_picture(arena, sis);
	if (protected_from_removal)
		student.doubt = (Doubt) {"PROTECTED", "no row is removed", "calpads.protected_ssid"};
	student.load_problem = load_problem;
	return reconcile_student(arena, &student, &options);
}

static const char *
findings_of(Arena *arena, Reconciliation result)
{
	return print_findings(arena, print_findings(arena, "", result.holds, ""), result.warnings, "?");
}

static void
test_student_cases(Arena *arena)
{
	for (size_t i = 0; i < sizeof(student_cases) / sizeof(student_cases[0]); i++)
	{
		const StudentCase *one = &student_cases[i];

		check_rules(one->expected,
					findings_of(arena, reconcile_texts(arena, one->calpads, one->sis, false, NULL)),
					arena_print(arena, "%s: CALPADS %s, SIS %s", one->number,
								one->calpads != NULL ? one->calpads : "nothing",
								one->sis != NULL ? one->sis : "nothing"));
		arena_reset(arena);
	}
}

/* SENR0180, SENR0181: what is sent in place of what CALPADS would refuse. */
static void
test_deletions(Arena *arena)
{
	Reconciliation result = reconcile_texts(arena, "", NULL, false, NULL);

	CHECK_NAMED(result.operations->no_show && result.operations->next == NULL &&
				result.operations->category == CATEGORY_EXITS,
				"SENR0180: the last row is not deleted");
	result = reconcile_texts(arena, ";school=6101011 start=20250701 exit=20250702 reason=T160", "", false,
							 NULL);
	CHECK_NAMED(enrollment_same_key(result.operations->before, result.operations->record) &&
				result.operations->category == CATEGORY_REMOVALS && result.operations->next == NULL,
				"SENR0181: a deletion is made of a row that CALPADS has");
	arena_reset(arena);
}

static void
test_own_rules(Arena *arena)
{
	Enrollment *many = NULL;
	Student		student = {0};
	ReconcileOptions options = {.rules = &book};

	check_rules("PROTECTED", findings_of(arena, reconcile_texts(arena, "", NULL, true, NULL)),
				"PROTECTED: no row is removed");
	check_rules("LOAD_ERROR", findings_of(arena, reconcile_texts(arena, NULL, "", false, "A line is missing.")),
				"LOAD_ERROR: nothing is sent");
	for (int i = 0; i <= RECONCILE_MAX_ROWS; i++)
	{
		Enrollment *row = make_picture(arena, "");

		row->next = many;
		many = row;
	}
	student.target = many;
	check_rules("TOO_MANY_ROWS", findings_of(arena, reconcile_student(arena, &student, &options)),
				"TOO_MANY_ROWS: nothing is sent");
	arena_reset(arena);
}

/* ---- is there a test of every rule? -------------------------------------------------------- */

/* Rules that are other rules under another number, and those that other tests name. */
static const char *const tested_elsewhere[] = {
	"IVR0116",					/* IVR0034 */
	"LOAD_ERROR", "PROTECTED", "TOO_MANY_ROWS", /* test_own_rules */
	"SENR0269F1",				/* SENR0269 */
	"SENR0286E3",				/* SENR0286 */
	"SENR0719E3",				/* IVR0012 */
};

static bool
is_tested(const char *number)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (strcmp(cases[i].number, number) == 0)
			return true;
	for (size_t i = 0; i < sizeof(student_cases) / sizeof(student_cases[0]); i++)
		if (strcmp(student_cases[i].number, number) == 0)
			return true;
	for (size_t i = 0; i < sizeof(tested_elsewhere) / sizeof(tested_elsewhere[0]); i++)
		if (strcmp(tested_elsewhere[i], number) == 0)
			return true;
	return false;
}

static void
test_coverage(Arena *arena)
{
	Table		table = read_table(arena, "rule");

	for (int row = 0; row < table.row_count; row++)
	{
		const char *number = cell(&table, row, "number");
		bool		implemented = strcmp(cell(&table, row, "coverage"), "implemented") == 0 ||
			cell(&table, row, "institution_kinds") != NULL;

		if (strcmp(cell(&table, row, "process"), "SENR") == 0 && implemented != is_tested(number))
			CHECK_NAMED(false, arena_print(arena, "%s is %s", number, implemented ?
										   "implemented, and not tested" : "tested, and not implemented"));
	}
	CHECK_NAMED(table.row_count > 0, "there are tests of exactly the rules that are implemented");
	arena_reset(arena);
}

static void
out_of_memory(size_t wanted)
{
	fprintf(stderr, "no memory for %zu bytes\n", wanted);
	exit(1);
}

int
main(void)
{
	Arena	   *arena = arena_create(out_of_memory);

	reference_arena = arena_create(out_of_memory);
	load_books();
	test_cases(arena);
	test_good_records(arena);
	test_explanations(arena);
	test_incomplete_code_sets(arena);
	test_severities(arena);
	test_years(arena);
	test_student_cases(arena);
	test_deletions(arena);
	test_own_rules(arena);
	test_coverage(arena);
	arena_destroy(arena);
	arena_destroy(reference_arena);
	return unit_finish();
}
