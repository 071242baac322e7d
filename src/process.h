/*-------------------------------------------------------------------------
 *
 * process.h
 *	  A process of CALPADS whose difference is worked out: SENR or SPRG.
 *
 * Everything that reads pictures, compares them and writes files takes its
 * process from here.  Server-free: includes no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_PROCESS_H
#define CALPADS_PROCESS_H

#include "operation.h"
#include "rule.h"
#include "wave.h"

struct Check;

typedef struct Process
{
	const char *name;			/* SENR */
	const char *layout;			/* senr: the layout, and the mapping view of the SIS */
	const char *row_word;		/* what a row is called in a sentence: enrollment */
	const char *row_words;		/* the same with its article */
	int			field_count;
	const char *const *field_name;
	const char *const *field_source;	/* where the SIS keeps the field */

	/* Fields with a meaning of their own, by position. */
	int			transaction_type;
	int			lea;
	int			school;
	int			ssid;
	int			local_student_id;
	int			start;
	int			end;
	int			program;		/* -1 = records have none */
	int			code_year;		/* academic year by which codes are valid; -1 = that of the start */
	uint64_t	dates;			/* fields that are dates */
	uint64_t	compared;		/* fields whose difference makes an operation */
	int			key_count;		/* the operational key in the order of extract_record.key */
	int			key[6];
	bool		(*same_key) (const PictureRow *a, const PictureRow *b);

	/* The window: how many school years before this one; counted by the day
	 * on which a row ends, or by that on which it starts. */
	int			window_years;
	bool		window_by_end;

	/* Two pictures of one student into operations. */
	Reconciliation (*reconcile) (Arena *arena, const Student *student,
								 const ReconcileOptions *options);
	const WaveRules *wave;

	/* The rules about one record: by itself, and beside the student's others. */
	void		(*check_record) (struct Check *check);
	void		(*check_beside) (struct Check *check);
} Process;

extern const Process senr_process;
extern const Process sprg_process;

/* The process of that name, or NULL. */
extern const Process *process_named(const char *name);

/* The key of the row as extract_record has it: parts and carets; blank parts are empty. */
extern const char *process_key(Arena *arena, const Process *process, const PictureRow *row);

#endif							/* CALPADS_PROCESS_H */
