/*-------------------------------------------------------------------------
 *
 * balance.h
 *	  Which students have other rows on one side than on the other.
 *
 * A student is a number, and so is what a row weighs: the signatures of one
 * side are added, those of the other taken away.  What is not even in the end
 * differs.  Memory is bounded: students beyond it wait in temporary files.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_BALANCE_H
#define CALPADS_BALANCE_H

#include "postgres.h"

typedef struct BalanceSheet BalanceSheet;

/* An empty sheet whose table takes at most so many bytes; so many students are expected. */
extern BalanceSheet *balance_sheet_create(Size memory, uint64 students);

/* One row of the student weighs so much. */
extern void balance_sheet_add(BalanceSheet *sheet, uint64 student, uint64 weight);

/* Called for each student who is not even, with the number of his rows on both sides. */
typedef void (*UnevenTaker) (void *context, uint64 student, uint64 rows);

/* Names those who are not even, and ends the sheet. */
extern void balance_sheet_finish(BalanceSheet *sheet, UnevenTaker take, void *context);

#endif							/* CALPADS_BALANCE_H */
