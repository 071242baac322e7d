/*-------------------------------------------------------------------------
 *
 * program_book.c
 *	  Reads which programs are reported, and by which rules, into a ProgramBook.
 *
 *-------------------------------------------------------------------------
 */
#include "program_book.h"

#include "query.h"

const ProgramBook *
program_book_load(void)
{
	ProgramBook *book = palloc0(sizeof(ProgramBook));
	uint64		rows = query_read("SELECT o.program, c.name, o.membership = '3', "
								  "o.program IN (SELECT e.program FROM calpads.closing_programs() e) "
								  "FROM calpads.offered_programs() o "
								  " LEFT JOIN calpads.code c "
								  "  ON c.codeset = 'education_program' AND c.code = o.program "
								  "ORDER BY o.program COLLATE \"C\"", 0, NULL);
	Program    *programs = palloc0((rows + 1) * sizeof(Program));

	for (uint64 row = 0; row < rows; row++)
	{
		programs[row].code = query_value(row, 1);
		programs[row].name = query_value(row, 2);
		programs[row].participating = query_boolean(row, 3);
		programs[row].ends_with_exit = query_boolean(row, 4);
	}
	book->count = (int) rows;
	book->programs = programs;
	return book;
}
