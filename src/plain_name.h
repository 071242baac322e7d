/*-------------------------------------------------------------------------
 *
 * plain_name.h
 *	  Names of files that come from elsewhere, and that must be only names.
 *
 * Knows nothing of the server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_PLAIN_NAME_H
#define CALPADS_PLAIN_NAME_H

/*
 * What keeps a text from being the name of one file in a folder, as the end
 * of a sentence that begins with "the name"; NULL: nothing.  A folder's
 * separators (also those of Windows), "." and "..", control characters, and
 * names that are empty or longer than a file system takes are refused.
 */
extern const char *plain_name_problem(const char *name);

#endif							/* CALPADS_PLAIN_NAME_H */
