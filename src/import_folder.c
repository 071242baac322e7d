/*-------------------------------------------------------------------------
 *
 * import_folder.c
 *	  Files that others put into a folder of the server, to be imported.
 *
 * All such folders lie below one directory that only a superuser can name
 * (calpads.import_directory); no link leads out of it.
 *
 *-------------------------------------------------------------------------
 */
#include "calpads.h"

#include <limits.h>
#include <stdlib.h>
#include <time.h>

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "fetched_file.h"
#include "file_source.h"
#include "plain_name.h"

static void
check_name(const char *name)
{
	const char *problem = plain_name_problem(name);

	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("the name of a file to import %s", problem),
				 errhint("Give the name alone, as students.csv; its folder belongs to the location.")));
}

/* Each part of a subfolder is a name; none leads up. */
static void
check_subfolder(const char *subfolder)
{
	char	   *parts = pstrdup(subfolder);
	char	   *rest = NULL;

	for (char *part = strtok_r(parts, "/", &rest); part != NULL; part = strtok_r(NULL, "/", &rest))
	{
		const char *problem = plain_name_problem(part);

		if (problem != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_NAME),
					 errmsg("a part of the folder's name %s", problem),
					 errhint("Write 'folder:' and a folder below the directory of the setting calpads.import_directory.")));
	}
	pfree(parts);
}

/* The real path of what must be there; 58P01 when it is not. */
static char *
real_path(const char *path, const char *what)
{
	char		resolved[PATH_MAX];

	if (realpath(path, resolved) == NULL)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not find %s: %m", what)));
	return pstrdup(resolved);
}

static char *
import_directory(void)
{
	const char *directory = GetConfigOption("calpads.import_directory", false, false);

	if (directory == NULL || directory[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no directory for imports on this server"),
				 errhint("A superuser names it by the setting calpads.import_directory.")));
	file_source_check_path(directory);
	return real_path(directory, "the directory of the setting calpads.import_directory");
}

static bool
is_below(const char *path, const char *directory)
{
	size_t		length = strlen(directory);

	/* The root's own path ends with the slash. */
	return strncmp(path, directory, length) == 0 &&
		(path[length] == '/' || path[length] == '\0' || directory[length - 1] == '/');
}

static FileSource *
open_file(const char *subfolder, const char *name)
{
	char	   *directory = import_directory();
	char	   *path = psprintf("%s/%s/%s", directory, subfolder, name);
	char	   *real = real_path(path, psprintf("file \"%s\" in \"folder:%s\"", name, subfolder));

	if (!is_below(real, directory))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("file \"%s\" in \"folder:%s\" is a link to another place", name, subfolder),
				 errdetail("Only files below the directory of the setting calpads.import_directory are read.")));
	return file_source_open_below(directory, real);
}

/*
 * Somebody may just be writing the file.  One that was changed a moment ago is
 * looked at again after that moment; one from yesterday is taken at once.
 */
static void
wait_until_settled(FileSource *source, const char *name)
{
	int			moment = atoi(GetConfigOption("calpads.import_settle_seconds", false, false));
	int64		size = file_source_size(source);
	time_t		changed = file_source_changed(source);

	if (time(NULL) - changed >= moment)
		return;
	fetched_file_wait(moment);
	file_source_look(source);
	if (file_source_size(source) != size || file_source_changed(source) != changed)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("file \"%s\" is still being written", name),
				 errdetail("It had %lld bytes, and %lld bytes %d seconds later.",
						   (long long) size, (long long) file_source_size(source), moment),
				 errhint("Import it later, or let its sender write it under another name and rename it.")));
}

static bytea *
read_all(FileSource *source, const char *name)
{
	int64		size = file_source_size(source);
	int64		length = 0;
	bytea	   *content;

	if (size > FETCHED_FILE_MAX_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("file \"%s\" is larger than 1 GB", name)));
	content = palloc(VARHDRSZ + size);
	while (length < size)
	{
		size_t		count = file_source_read(source, VARDATA(content) + length, Min(size - length, 1 << 20));

		if (count == 0)
			break;
		length += count;
	}
	if (length < size)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("file \"%s\" became shorter while it was read", name)));
	SET_VARSIZE(content, VARHDRSZ + length);
	return content;
}

PG_FUNCTION_INFO_V1(calpads_fetch_from_folder);

/*
 * calpads.fetch_from_folder(subfolder, file_name) → calpads.fetched_file
 *
 * Errors: 42501 no right to read files of the server, or a link out of the
 * directory; 42602 not a name; 58P01 no such file; 42809 no regular file;
 * 55006 still being written; 55000 no directory is set.
 */
Datum
calpads_fetch_from_folder(PG_FUNCTION_ARGS)
{
	char	   *subfolder = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	FileSource *source;
	bytea	   *content;
	Datum		result;

	check_subfolder(subfolder);
	check_name(name);
	if (!file_source_permitted())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to read a file of the server"),
				 errdetail("Only roles with privileges of the \"%s\" role may do that.",
						   "pg_read_server_files")));
	source = open_file(subfolder, name);
	wait_until_settled(source, name);
	content = read_all(source, name);
	result = fetched_file_datum(fcinfo, content, file_source_changed(source));
	file_source_close(source);
	PG_RETURN_DATUM(result);
}
