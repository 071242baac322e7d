/*-------------------------------------------------------------------------
 *
 * rehearse_process.h
 *	  What the replay (rehearse.c) and the rules of the single processes
 *	  (rehearse_senr.c, rehearse_sprg.c) share.
 *
 * Server-free: includes no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_REHEARSE_PROCESS_H
#define CALPADS_REHEARSE_PROCESS_H

#include "rehearse.h"

typedef struct ReplayedProcess ReplayedProcess;

/* One line, read. */
typedef struct Row
{
	const char *text;			/* the fields one after the other, each ended by NUL */
	uint32_t	offset[PICTURE_FIELD_COUNT];
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
	const struct CarryingStay *stays;	/* SPRG: enrollments, as SENR has them */
	struct StudentState *next;	/* in the bucket */
} StudentState;

struct Rehearsal
{
	Arena	   *arena;
	const ReplayedProcess *process;
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

/* What CALPADS asks of a process's records. */
struct ReplayedProcess
{
	const char *record_type;	/* SENR */
	const char *form;			/* what is wrong with a line that is no record */
	const char *key_words;		/* the parts of the key in a sentence */
	const char *row_word;		/* enrollment, program */
	int			field_count;
	int			transaction_type;
	int			lea;
	int			school;
	int			ssid;
	int			start;
	int			end;
	int			program;		/* -1 = records have none */
	const char *lea_rule;		/* the reporting LEA is not the submitter */
	const char *ssid_rule;		/* no SSID */

	/* Two rows of one student: have they the same key? */
	bool		(*have_one_key) (const Row *a, const Row *b);
	/* The record against what CALPADS knows of the student beside rows of its kind. */
	void		(*judge_student) (Judgement *judgement);
	/* The record beside another row of the student; where tells which one. */
	void		(*judge_beside) (Judgement *judgement, const Row *other, const char *where);
	void		(*judge_deletion) (Judgement *judgement);
	/* The last day that CALPADS gives the row by itself before the files come; ROW_OPEN = none. */
	DayNumber	(*closing_day) (const StudentState *student, const Row *row);
	/* Does a difference in the field count? */
	bool		(*is_compared) (int field);
	/* May the row stay or be missing?  NULL = none may. */
	bool		(*is_leftover) (const Row *row);
	/* Does CALPADS itself want the two rows to differ in the field?  NULL = never. */
	bool		(*is_wanted) (const StudentState *student, const Row *held, const Row *expected,
							  int field);
};

extern const ReplayedProcess replayed_senr;
extern const ReplayedProcess replayed_sprg;

/* The text of a field, empty when it is blank; whether it is blank, or this text. */
extern const char *text_of(const Row *row, int field);
extern bool is_blank(const Row *row, int field);
extern bool says(const Row *row, int field, const char *text);

/* The row with the key, or NULL; is the record one that deletes? */
extern Row *find_row(const ReplayedProcess *process, Row *rows, const Row *like);
extern bool is_deletion(const ReplayedProcess *process, const Row *row);

/* Adds a reason against the record; by the book: when calpads.rule says fatal. */
extern void refuse(Judgement *judgement, const char *rule, int field, const char *explanation);
extern void refuse_by_book(Judgement *judgement, const char *rule, int field,
						   const char *explanation);

/* "09/30/2025" */
extern const char *date_words(Arena *arena, DayNumber number);

#endif							/* CALPADS_REHEARSE_PROCESS_H */
