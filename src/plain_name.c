/*-------------------------------------------------------------------------
 *
 * plain_name.c
 *	  Names of files that come from elsewhere, and that must be only names.
 *
 *-------------------------------------------------------------------------
 */
#include "plain_name.h"

#include <stddef.h>
#include <string.h>

#define LONGEST_NAME 255		/* bytes: NAME_MAX of the usual file systems */

static int
has_control_character(const char *text)
{
	for (; *text != '\0'; text++)
	{
		if ((unsigned char) *text < ' ' || *text == 0x7f)
			return 1;
	}
	return 0;
}

const char *
plain_name_problem(const char *name)
{
	if (name[0] == '\0')
		return "is empty";
	if (strlen(name) > LONGEST_NAME)
		return "is longer than 255 bytes";
	if (strchr(name, '/') != NULL || strchr(name, '\\') != NULL)
		return "holds a slash";
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return "is that of a folder";
	if (has_control_character(name))
		return "holds a control character";
	return NULL;
}
