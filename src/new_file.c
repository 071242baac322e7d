/*-------------------------------------------------------------------------
 *
 * new_file.c
 *	  A file of the server that appears under its name only when it is whole.
 *
 *-------------------------------------------------------------------------
 */
#include "new_file.h"

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/acl.h"
#include "utils/memutils.h"

#include "compat.h"
#include "file_source.h"

#define TEMPORARY_SUFFIX ".calpads"

struct NewFile
{
	char	   *path;
	char	   *temporary;
	int			descriptor;
	bool		published;
	MemoryContextCallback at_end;
};

void
new_file_check_permission(const char *hint)
{
	if (!has_privs_of_role(GetUserId(), ROLE_PG_WRITE_SERVER_FILES))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to write files on the server"),
				 errdetail("Only roles with privileges of the \"%s\" role may do that.",
						   "pg_write_server_files"),
				 errhint("%s", hint)));
}

/* A device, a pipe or a link would vanish under the new file. */
static void
check_place(const char *path)
{
	struct stat status;

	if (lstat(path, &status) == 0 && !S_ISREG(status.st_mode))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a regular file", path),
				 errhint("Give the path of a new file, or of one that may be replaced.")));
}

/* A backend's temporary name for a file: hidden, and like nobody else's. */
static char *
temporary_name(const char *path)
{
	const char *name = last_dir_separator(path) + 1;

	return psprintf("%.*s.%s.%d" TEMPORARY_SUFFIX, (int) (name - path), path, name, MyProcPid);
}

/* The process that made a temporary name; 0 when it is not such a name. */
static int
process_of_name(const char *name)
{
	const char *digits = name + strlen(name) - strlen(TEMPORARY_SUFFIX);

	if (name[0] != '.' || digits <= name || strcmp(digits, TEMPORARY_SUFFIX) != 0)
		return 0;
	while (isdigit((unsigned char) digits[-1]))
		digits--;
	return digits[-1] == '.' ? atoi(digits) : 0;
}

/*
 * Has the file lost its writer?  Of this backend's own number may also have
 * been a backend before it.
 */
static bool
is_left_over(const char *path, int process)
{
	struct stat status;

	if (lstat(path, &status) != 0 || !S_ISREG(status.st_mode))
		return false;
	if (process == MyProcPid)
		return status.st_mtime < MyStartTime;
	return kill(process, 0) != 0 && errno == ESRCH;
}

/*
 * A backend that was killed could not remove its temporary files.  A folder
 * that cannot be listed can still be written to.
 */
static void
remove_left_over(const char *path)
{
	char	   *directory = pnstrdup(path, last_dir_separator(path) - path + 1);
	DIR		   *folder = AllocateDir(directory);
	struct dirent *entry;

	while ((entry = ReadDirExtended(folder, directory, DEBUG1)) != NULL)
	{
		int			process = process_of_name(entry->d_name);
		char	   *found = psprintf("%s%s", directory, entry->d_name);

		if (process > 0 && is_left_over(found, process))
			unlink(found);
		pfree(found);
	}
	FreeDir(folder);
	pfree(directory);
}

static void
discard_unpublished(void *context)
{
	NewFile    *file = context;

	if (!file->published)
		unlink(file->temporary);
}

NewFile *
new_file_create(const char *path)
{
	/* Its end is the end of the (sub)transaction, whatever ends that. */
	MemoryContext caller = MemoryContextSwitchTo(CurTransactionContext);
	NewFile    *file = palloc0(sizeof(NewFile));

	file_source_check_path(path);
	file->path = pstrdup(path);
	canonicalize_path(file->path);
	check_place(file->path);
	remove_left_over(file->path);
	file->temporary = temporary_name(file->path);
	file->descriptor = OpenTransientFilePerm(file->temporary, O_CREAT | O_EXCL | O_WRONLY | PG_BINARY,
											 S_IRUSR | S_IWUSR);
	if (file->descriptor < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not create file \"%s\": %m", file->path)));

	file->at_end.func = discard_unpublished;
	file->at_end.arg = file;
	MemoryContextRegisterResetCallback(CurTransactionContext, &file->at_end);
	MemoryContextSwitchTo(caller);
	return file;
}

void
new_file_write(void *context, const char *bytes, int length)
{
	NewFile    *file = context;

	errno = 0;
	if (write(file->descriptor, bytes, length) != length)
	{
		if (errno == 0)
			errno = ENOSPC;		/* a short write without a reason */
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not write file \"%s\": %m", file->path)));
	}
}

void
new_file_close(NewFile *file)
{
	if (pg_fsync(file->descriptor) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not flush file \"%s\": %m", file->path)));
	if (CloseTransientFile(file->descriptor) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not close file \"%s\": %m", file->path)));
}

void
new_file_publish(NewFile *file)
{
	durable_rename(file->temporary, file->path, ERROR);
	file->published = true;
}

static bool
remove_if_there(const char *path)
{
	return unlink(path) == 0 || errno == ENOENT;
}

/* Former files go first: those of two sets shall never lie side by side. */
static void
remove_former(List *files)
{
	ListCell   *cell;

	foreach(cell, files)
	{
		NewFile    *file = lfirst(cell);

		if (!remove_if_there(file->path))
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not remove file \"%s\": %m", file->path)));
	}
}

/* Whatever stands under the names by now is ours. */
static void
withdraw(List *files)
{
	ListCell   *cell;

	foreach(cell, files)
	{
		NewFile    *file = lfirst(cell);

		(void) remove_if_there(file->path);
	}
}

void
new_files_publish(List *files)
{
	ListCell   *cell;

	remove_former(files);
	PG_TRY();
	{
		foreach(cell, files)
			new_file_publish(lfirst(cell));
	}
	PG_CATCH();
	{
		withdraw(files);
		PG_RE_THROW();
	}
	PG_END_TRY();
}

const char *
new_file_path(const NewFile *file)
{
	return file->path;
}
