/*-------------------------------------------------------------------------
 *
 * rule_check.h
 *	  What the rooms of the rules (rule*.c) share: the record in question and
 *	  the rules that it breaks.
 *
 * Server-free: includes no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_RULE_CHECK_H
#define CALPADS_RULE_CHECK_H

#include "rule.h"

typedef struct Check
{
	Arena	   *arena;
	const RuleBook *book;
	const Enrollment *record;
	const Enrollment *const *rows;	/* of the student, as CALPADS will hold them */
	int			row_count;
	DayNumber	today;
	RuleSeverity wanted;		/* violations of this severity are asked for */
	Violation  *first;
	Violation **end;
} Check;

/* Notes that the record breaks the rule, if its severity is asked for. */
extern void break_rule(Check *check, const char *rule, int field, const char *explanation);

/* The same, with another place to mend it than that of the field. */
extern void break_rule_at(Check *check, const char *rule, int field, const char *explanation,
						  const char *fix);

/* The same, for a finding that is not certain: it never does more than warn. */
extern void suspect(Check *check, const char *rule, int field, const char *explanation);

/* The value of a field, NULL when it is blank; and whether it is this one. */
extern const char *value_of(const Check *check, int field);
extern bool has(const Check *check, int field, const char *text);

extern bool is_digits(const char *text, size_t length);

/* First calendar year of the school year that holds the day. */
extern int	school_year(DayNumber day);

/* May the two codes stand together in the school year? */
extern bool may_stand_together(const PairSet *set, const char *first, const char *second, int year);

/* Does the set know the first code in any combination at all? */
extern bool knows_first(const PairSet *set, const char *first);

/* The row of calpads.institution with the code and one of the kinds (bits), or NULL. */
extern const Institution *find_institution(const RuleBook *book, const char *code, int kinds);

/* Each is one room: all its rules. */
extern void check_fields(Check *check);
extern void check_enrollment(Check *check);
extern void check_person(Check *check);
extern void check_schools(Check *check);
extern void check_other_rows(Check *check);

/* All rules about a record by itself; about a SPRG record beside the others. */
extern void check_senr_record(Check *check);
extern void check_sprg_record(Check *check);
extern void check_other_programs(Check *check);

/* Only SENR has room for more than the other files. */
extern void check_local_student_id(Check *check);

/* Part of check_fields: may every value be written in the encoding of the files? */
extern void check_encoding(Check *check);

#endif							/* CALPADS_RULE_CHECK_H */
