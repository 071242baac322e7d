/*-------------------------------------------------------------------------
 *
 * rule_book.h
 *	  Reads the tables of rules, layouts, code sets, schools and institutions
 *	  into a RuleBook.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_RULE_BOOK_H
#define CALPADS_RULE_BOOK_H

#include "postgres.h"

#include "process.h"

/*
 * The rules for records of the process in the given academic year ("2025-2026") and in
 * files of the given encoding (a pg_enc), in the current memory context.
 * Needs an SPI connection.
 */
extern const RuleBook *rule_book_load(const Process *process, const char *academic_year,
									  int encoding);

#endif							/* CALPADS_RULE_BOOK_H */
