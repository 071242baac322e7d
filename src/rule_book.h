/*-------------------------------------------------------------------------
 *
 * rule_book.h
 *	  Reads the tables of layouts and code sets into a RuleBook.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_RULE_BOOK_H
#define CALPADS_RULE_BOOK_H

#include "postgres.h"

#include "rule.h"

/*
 * The rules for SENR records in the given academic year ("2025-2026"), in
 * the current memory context.  Needs an SPI connection.
 */
extern const RuleBook *rule_book_load(const char *academic_year);

#endif							/* CALPADS_RULE_BOOK_H */
