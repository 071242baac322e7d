/*-------------------------------------------------------------------------
 *
 * rule.h
 *	  CALPADS' rules about one SENR record by itself.
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
	bool		complete;		/* a value outside is refused, else it is let through */
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

typedef struct RuleBook
{
	const Layout *layout;		/* senr of the current year: lengths, required fields */
	int			codeset_count;
	const CodeSet *codesets;	/* sorted by name */
	PairSet		exit_completion;	/* SENR0022 */
	/* May the value be written in the encoding of the files?  NULL = any may. */
	bool		(*encodable) (const char *value);
} RuleBook;

/* A rule that a record breaks. */
typedef struct Violation
{
	const char *rule;
	int			field;			/* SenrField, -1 = the whole record */
	const char *explanation;
	struct Violation *next;
} Violation;

/*
 * The fatal rules that the record breaks, in the order of its fields; NULL
 * when CALPADS would take it.  today serves SENR0187 (open short-term rows).
 */
extern Violation *rule_check(Arena *arena, const RuleBook *book,
							 const Enrollment *record, DayNumber today);

#endif							/* CALPADS_RULE_H */
