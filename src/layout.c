/*-------------------------------------------------------------------------
 *
 * layout.c
 *	  What a record of a CALPADS file looks like in one academic year.
 *
 *-------------------------------------------------------------------------
 */
#include "layout.h"

#include <string.h>

int
layout_field_position(const Layout *layout, const char *name)
{
	for (int position = 0; position < layout->field_count; position++)
	{
		if (strcmp(layout->fields[position].name, name) == 0)
			return position;
	}
	return -1;
}
