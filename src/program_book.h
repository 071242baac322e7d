/*-------------------------------------------------------------------------
 *
 * program_book.h
 *	  Reads which programs are reported, and by which rules, into a ProgramBook.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_PROGRAM_BOOK_H
#define CALPADS_PROGRAM_BOOK_H

#include "postgres.h"

#include "program.h"

/*
 * The programs of calpads.offered_programs(), in the current memory context.
 * Needs an SPI connection.
 */
extern const ProgramBook *program_book_load(void);

#endif							/* CALPADS_PROGRAM_BOOK_H */
