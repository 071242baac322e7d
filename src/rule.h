/*-------------------------------------------------------------------------
 *
 * rule.h
 *	  CALPADS' rules about records.
 *
 * Which rules exist, since when, and whether they refuse or warn, is data
 * (calpads.rule); what they test is here.  Server-free: includes no
 * postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_RULE_H
#define CALPADS_RULE_H

#include "arena.h"
#include "enrollment.h"

typedef enum RuleSeverity
{
	RULE_OFF,					/* not in force, or not known to the book */
	RULE_WARNING,				/* the record is sent all the same */
	RULE_FATAL					/* the record is held */
} RuleSeverity;

/* One row of calpads.rule that is in force. */
typedef struct Rule
{
	const char *number;
	const char *reported_as;	/* the number that users see; mostly its own */
	RuleSeverity severity;
} Rule;

/* One code of a code set and the school years in which it is valid. */
typedef struct Code
{
	const char *code;
	int			first_year;		/* first calendar year of the school year; 0 = always */
	int			last_year;		/* INT_MAX = still */
} Code;

typedef struct CodeSet
{
	const char *name;
	bool		complete;		/* a value outside is refused, else it only warns */
	int			count;
	const Code *codes;			/* sorted by code, bytewise */
} CodeSet;

/* A pair of codes that may stand together. */
typedef struct CodePair
{
	const char *first;
	const char *second;
	int			first_year;
	int			last_year;
} CodePair;

typedef struct PairSet
{
	int			count;
	const CodePair *pairs;		/* sorted by first, then second */
} PairSet;

/* Grades as numbers: TK -1, KN 0, 01 to 12. */
#define GRADE_UNKNOWN INT_MIN

/* A school of the SIS (LOC) and the grades it has. */
typedef struct SchoolGrades
{
	const char *code;			/* seven digits */
	int			lowest_grade;	/* GRADE_UNKNOWN when the SIS does not say */
	int			highest_grade;
} SchoolGrades;

/* Kinds of rows of calpads.institution, as bits. */
typedef enum InstitutionKind
{
	INSTITUTION_DISTRICT = 1,
	INSTITUTION_COUNTY_OFFICE = 2,
	INSTITUTION_SCHOOL = 4,
	INSTITUTION_COUNTY_SCHOOL = 8,
	INSTITUTION_CHARTER_SCHOOL = 16,
	INSTITUTION_NONPUBLIC_SCHOOL = 32
} InstitutionKind;

typedef struct Institution
{
	const char *code;			/* seven digits */
	InstitutionKind kind;
	const char *school_type;	/* ADULT, JUV, …, or NULL */
	DayNumber	opened;			/* INT_MIN = not known */
	DayNumber	closed;			/* INT_MAX = not closed */
} Institution;

typedef struct RuleBook
{
	const struct Process *process;	/* whose records the rules are about */
	int			rule_count;
	const Rule *rules;			/* sorted by number; one that is missing does not fire */
	const Layout *layout;		/* the fields of the process in their order */
	int			codeset_count;
	const CodeSet *codesets;	/* sorted by name */
	PairSet		exit_completion;
	PairSet		exit_grade;
	PairSet		completion_grade;
	PairSet		state_country;
	int			school_count;
	const SchoolGrades *schools;	/* sorted by code */
	int			institution_count;
	const Institution *institutions;	/* sorted by code */
	int			institution_kinds;	/* kinds of which there are rows, as bits */
	/* May the value be written in the encoding of the files?  NULL = any may. */
	bool		(*encodable) (const char *value);
} RuleBook;

/* A rule that a record breaks. */
typedef struct Violation
{
	const char *rule;
	int			field;			/* of the process */
	const char *explanation;
	const char *fix;			/* SIS table and column; NULL: those of the field */
	struct Violation *next;
} Violation;

/* What breaking the rule of that number does. */
extern RuleSeverity rule_severity(const RuleBook *book, const char *number);

/*
 * The fatal rules that the record breaks by itself, in the order of its
 * fields first; NULL when CALPADS would take it.
 */
extern Violation *rule_check(Arena *arena, const RuleBook *book,
							 const Enrollment *record, DayNumber today);

/*
 * The same for a deletion, of which only the key counts: what keeps it from
 * being written.
 */
extern Violation *rule_check_deletion(Arena *arena, const RuleBook *book,
									  const Enrollment *record);

/*
 * The fatal rules that it breaks beside the student's other rows: count rows,
 * of which the record may be one.  The rules of enrollment_conflict are not
 * among them.
 */
extern Violation *rule_check_beside(Arena *arena, const RuleBook *book,
									const Enrollment *record,
									const Enrollment *const *rows, int count,
									DayNumber today);

/* The warnings of both kinds. */
extern Violation *rule_warnings(Arena *arena, const RuleBook *book,
								const Enrollment *record,
								const Enrollment *const *rows, int count,
								DayNumber today);

#endif							/* CALPADS_RULE_H */
