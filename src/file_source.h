/*-------------------------------------------------------------------------
 *
 * file_source.h
 *	  Where a reader's bytes come from: a file of the server, or a bytea.
 *
 * Files of the server are read under the rules of COPY.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_FILE_SOURCE_H
#define CALPADS_FILE_SOURCE_H

#include "postgres.h"

#include <time.h>

typedef struct FileSource FileSource;

/* Raises 42602 unless the path is absolute. */
extern void file_source_check_path(const char *path);

/* May the current user read files of the server: pg_read_server_files? */
extern bool file_source_permitted(void);

/*
 * Opens a regular file of the server by its absolute path.  Whoever calls has
 * checked the permission.  Errors: 42602 relative path, 58P01 no such file and
 * others of the operating system, 42809 anything that is no regular file.  The
 * file is closed with the transaction at the latest.
 */
extern FileSource *file_source_open(const char *path);

/*
 * The same for a file somewhere below a directory, without following any link
 * on the way from there: whoever can write below the directory cannot lead out
 * of it, not even by swapping a folder for a link at the right moment.  path
 * continues the directory's path.  The file is closed with the current memory
 * context at the latest.
 */
extern FileSource *file_source_open_below(const char *directory, const char *path);

/* The same with the check: 42501 unless the current user may read such files. */
extern FileSource *file_source_open_as_user(const char *path);

/* A source over bytes in memory, which must outlive it; name is for messages. */
extern FileSource *file_source_from_bytes(const char *name, const char *bytes, size_t size);

/* A ReaderSource: the context is the FileSource.  Can be cancelled. */
extern size_t file_source_read(void *context, char *buffer, size_t size);

/* Starts again at the first byte. */
extern void file_source_rewind(FileSource *source);

/* Bytes in all, when it was opened or looked at. */
extern int64 file_source_size(const FileSource *source);

/* Size and time of change of an open file of the server, as they are now. */
extern void file_source_look(FileSource *source);

/* When a file of the server was changed last, as Unix time; when it was opened, or looked at. */
extern time_t file_source_changed(const FileSource *source);

/* The path or the name it was opened by. */
extern const char *file_source_name(const FileSource *source);

extern void file_source_close(FileSource *source);

#endif							/* CALPADS_FILE_SOURCE_H */
