/*-------------------------------------------------------------------------
 *
 * new_file.h
 *	  A file of the server that appears under its name only when it is whole.
 *
 * It is written under a temporary name beside its place with mode 0600,
 * flushed, and renamed.  When the (sub)transaction or the session ends before
 * that, the temporary file is removed; that of a session that was killed goes
 * with the next file that is begun in the folder.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_NEW_FILE_H
#define CALPADS_NEW_FILE_H

#include "postgres.h"

#include "nodes/pg_list.h"

typedef struct NewFile NewFile;

/*
 * Raises 42501 unless the current user may write files of the server
 * (pg_write_server_files); the hint says what such a user can do instead.
 */
extern void new_file_check_permission(const char *hint);

/*
 * Begins a file of that absolute path.  Whoever calls has checked the
 * permission.  Errors: 42602 relative path, 42809 the name belongs to anything
 * but a regular file (which the new file would replace), and those of the
 * operating system.
 */
extern NewFile *new_file_create(const char *path);

/* A LineSink: the context is the NewFile. */
extern void new_file_write(void *context, const char *bytes, int length);

/* Flushes the bytes to the disk and closes the file; it has no name yet. */
extern void new_file_close(NewFile *file);

/* Gives a closed file its name, in place of a file that had it before. */
extern void new_file_publish(NewFile *file);

/*
 * Gives closed files (a List of NewFile) their names: all of them, or none.
 * What had one of the names before is removed first, so that a session that is
 * killed meanwhile leaves some of these files, but never one of a former set
 * beside them.
 */
extern void new_files_publish(List *files);

extern const char *new_file_path(const NewFile *file);

#endif							/* CALPADS_NEW_FILE_H */
