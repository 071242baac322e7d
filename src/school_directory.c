/*-------------------------------------------------------------------------
 *
 * school_directory.c
 *	  The schools: which are selected, what they are called, and how many rows
 *	  CALPADS holds of each.
 *
 *-------------------------------------------------------------------------
 */
#include "school_directory.h"

#include "utils/hsearch.h"

#include "compat.h"
#include "query.h"

struct SchoolDirectory
{
	HTAB	   *schools;
};

static SchoolDirectory *
make_directory(void)
{
	SchoolDirectory *directory = palloc(sizeof(SchoolDirectory));
	HASHCTL		control = {0};

	control.keysize = NAMEDATALEN;
	control.entrysize = sizeof(School);
	control.hcxt = CurrentMemoryContext;
	directory->schools = hash_create("calpads schools", 256, &control, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	return directory;
}

static void
add_school(SchoolDirectory *directory, const char *code, const char *name, bool selected)
{
	School	   *school = hash_search(directory->schools, code, HASH_ENTER, NULL);

	school->name = name;
	school->selected = selected;
	school->rows = school->current_rows = 0;
}

SchoolDirectory *
school_directory_load(void)
{
	SchoolDirectory *directory = make_directory();
	uint64		rows = query_read("SELECT cds_school, min(name), NULL FROM calpads.school "
								  "WHERE cds_school IS NOT NULL GROUP BY cds_school UNION ALL "
								  "SELECT lea || ' ' || cds_school, NULL, bool_or(selected) FROM calpads.school "
								  "WHERE cds_school IS NOT NULL AND lea IS NOT NULL GROUP BY 1", 0, NULL);

	for (uint64 row = 0; row < rows; row++)
		add_school(directory, query_value(row, 1), query_value(row, 2), query_boolean(row, 3));
	return directory;
}

const char *
school_directory_name(void *directory, const char *code)
{
	School	   *school = hash_search(((SchoolDirectory *) directory)->schools, code, HASH_FIND, NULL);

	return school != NULL ? school->name : NULL;
}

School *
school_directory_find(SchoolDirectory *directory, FieldText lea, FieldText code)
{
	char		key[NAMEDATALEN] = {0};

	if (lea.length == 0 || code.length == 0 || lea.length + code.length + 2 > sizeof(key))
		return NULL;
	memcpy(key, lea.data, lea.length);
	key[lea.length] = ' ';
	memcpy(key + lea.length + 1, code.data, code.length);
	return hash_search(directory->schools, key, HASH_FIND, NULL);
}

/* The key of a school with rows is LEA, a blank, and the code. */
void
school_directory_visit(SchoolDirectory *directory, SchoolTaker take, void *context)
{
	HASH_SEQ_STATUS status;
	School	   *school;

	hash_seq_init(&status, directory->schools);
	while ((school = hash_seq_search(&status)) != NULL)
	{
		const char *blank = strchr(school->code, ' ');

		if (blank != NULL && school->rows > 0)
			take(context, pnstrdup(school->code, blank - school->code), blank + 1, school->current_rows);
	}
}

/* ---- counting in another process -------------------------------------------- */

long
school_directory_count(SchoolDirectory *directory)
{
	return hash_get_num_entries(directory->schools);
}

void
school_directory_export(SchoolDirectory *directory, School *schools)
{
	HASH_SEQ_STATUS status;
	School	   *school;

	hash_seq_init(&status, directory->schools);
	while ((school = hash_seq_search(&status)) != NULL)
	{
		*schools = *school;
		schools->name = NULL;
		schools++;
	}
}

SchoolDirectory *
school_directory_import(const School *schools, long count)
{
	SchoolDirectory *directory = make_directory();

	for (long i = 0; i < count; i++)
		add_school(directory, schools[i].code, NULL, schools[i].selected);
	return directory;
}

void
school_directory_add_counts(SchoolDirectory *directory, const School *schools, long count)
{
	for (long i = 0; i < count; i++)
	{
		School	   *school = hash_search(directory->schools, schools[i].code, HASH_FIND, NULL);

		school->rows += schools[i].rows;
		school->current_rows += schools[i].current_rows;
	}
}
