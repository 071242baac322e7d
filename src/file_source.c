/*-------------------------------------------------------------------------
 *
 * file_source.c
 *	  Where a reader's bytes come from: a file of the server, or a bytea.
 *
 *-------------------------------------------------------------------------
 */
#include "file_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/acl.h"

#include "compat.h"

struct FileSource
{
	const char *name;
	int			file;			/* -1 = bytes in memory */
	bool		is_transient;	/* opened by OpenTransientFile */
	const char *bytes;
	int64		size;
	time_t		changed;
	int64		position;		/* of the next byte in memory */
};

void
file_source_check_path(const char *path)
{
	if (!is_absolute_path(path))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("relative path \"%s\" is not allowed for a file of the server", path),
				 errhint("Give the whole path, beginning with \"/\".")));
}

bool
file_source_permitted(void)
{
	return has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES);
}

static void
check_regular_file(const char *path, const struct stat *status)
{
	if (S_ISDIR(status->st_mode))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is a directory", path),
				 errhint("Give the path of one file in it.")));
	if (!S_ISREG(status->st_mode))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a regular file", path),
				 errhint("Pipes and devices cannot be read; save the file to disk first.")));
}

void
file_source_look(FileSource *source)
{
	struct stat status;

	if (fstat(source->file, &status) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not stat file \"%s\": %m", source->name)));
	check_regular_file(source->name, &status);
	source->size = status.st_size;
	source->changed = status.st_mtime;
}

FileSource *
file_source_open(const char *path)
{
	FileSource *source = palloc0(sizeof(FileSource));

	file_source_check_path(path);
	source->name = pstrdup(path);
	source->is_transient = true;

	/* A pipe that nobody writes to would block the opening, so do not wait. */
	/* NOLINTNEXTLINE(misc-redundant-expression): two of them are 0 here */
	source->file = OpenTransientFile(path, O_RDONLY | O_NONBLOCK | PG_BINARY);
	if (source->file < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open file \"%s\" for reading: %m", path),
				 errhint("The file must be on the server, where the server's user can read it.")));
	file_source_look(source);
	return source;
}

/* A folder that may be entered need not be readable. */
#ifdef O_PATH
#define FOLDER_FLAGS (O_PATH | O_DIRECTORY | O_CLOEXEC)
#else
#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#endif

/* Raises nothing, so that no descriptor is lost; -1 with errno.  Cuts parts into pieces. */
static int
open_without_links(const char *directory, char *parts)
{
	char	   *rest = NULL;
	int			at = open(directory, FOLDER_FLAGS);
	int			saved_errno;

	for (char *part = strtok_r(parts, "/", &rest); part != NULL && at >= 0;)
	{
		char	   *next = strtok_r(NULL, "/", &rest);
		int			folder = at;

		/* A pipe that nobody writes to would block the opening, so do not wait. */
		at = openat(folder, part, O_NOFOLLOW | (next != NULL ? FOLDER_FLAGS : O_RDONLY | O_NONBLOCK | O_CLOEXEC));
		saved_errno = errno;
		close(folder);
		errno = saved_errno;
		part = next;
	}
	return at;
}

static void
close_with_context(void *context)
{
	FileSource *source = context;

	if (source->file >= 0)
		close(source->file);
	source->file = -1;
}

FileSource *
file_source_open_below(const char *directory, const char *path)
{
	FileSource *source = palloc0(sizeof(FileSource));
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));
	char	   *parts = pstrdup(path + strlen(directory));

	source->file = -1;
	source->name = pstrdup(path);
	callback->func = close_with_context;
	callback->arg = source;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	source->file = open_without_links(directory, parts);
	if (source->file < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open file \"%s\" for reading: %m", path)));
	file_source_look(source);
	return source;
}

FileSource *
file_source_open_as_user(const char *path)
{
	if (!file_source_permitted())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to read a file of the server"),
				 errdetail("Only roles with privileges of the \"%s\" role may do that.",
						   "pg_read_server_files"),
				 errhint("Pass the bytes of the file as content; its path is then only a name.")));
	return file_source_open(path);
}

FileSource *
file_source_from_bytes(const char *name, const char *bytes, size_t size)
{
	FileSource *source = palloc0(sizeof(FileSource));

	source->name = pstrdup(name);
	source->file = -1;
	source->bytes = bytes;
	source->size = size;
	return source;
}

static size_t
read_bytes(FileSource *source, char *buffer, size_t size)
{
	size_t		count = Min(size, (size_t) (source->size - source->position));

	memcpy(buffer, source->bytes + source->position, count);
	source->position += count;
	return count;
}

static size_t
read_file(FileSource *source, char *buffer, size_t size)
{
	ssize_t		count = read(source->file, buffer, size);

	if (count < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read file \"%s\": %m", source->name)));
	return count;
}

size_t
file_source_read(void *context, char *buffer, size_t size)
{
	FileSource *source = context;

	CHECK_FOR_INTERRUPTS();
	if (source->file < 0)
		return read_bytes(source, buffer, size);
	return read_file(source, buffer, size);
}

void
file_source_rewind(FileSource *source)
{
	source->position = 0;
	if (source->file >= 0 && lseek(source->file, 0, SEEK_SET) < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not seek in file \"%s\": %m", source->name)));
}

int64
file_source_size(const FileSource *source)
{
	return source->size;
}

time_t
file_source_changed(const FileSource *source)
{
	return source->changed;
}

const char *
file_source_name(const FileSource *source)
{
	return source->name;
}

void
file_source_close(FileSource *source)
{
	if (source->file >= 0 && (source->is_transient ? CloseTransientFile(source->file) : close(source->file)) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not close file \"%s\": %m", source->name)));
	source->file = -1;
}
