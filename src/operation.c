/*-------------------------------------------------------------------------
 *
 * operation.c
 *	  What the comparison of two pictures gives.
 *
 *-------------------------------------------------------------------------
 */
#include "operation.h"

void
add_finding(Arena *arena, Finding **list, const PictureRow *row, const char *rule, int field,
			const char *explanation, const char *fix)
{
	Finding    *finding = arena_allocate(arena, sizeof(Finding));

	finding->rule = rule;
	finding->field = field;
	finding->value = field >= 0 ? row->value[field] : NULL;
	finding->explanation = explanation;
	finding->fix = fix;
	finding->row = row;
	finding->next = *list;
	*list = finding;
}

bool
operation_is_removal(const Operation *operation)
{
	return operation->target == NULL;
}

bool
operation_is_addition(const Operation *operation)
{
	return operation->before == NULL;
}

bool
operation_is_deletion(const Operation *operation)
{
	return operation_is_removal(operation) && !operation->no_show;
}

const char *
operation_category_name(OperationCategory category)
{
	static const char *const names[] = {"Removals", "Exits", "Updates"};

	return names[category];
}

const char *
operation_reason_code(OperationReason reason)
{
	static const char *const codes[REASON_COUNT] = {
		[REASON_NOT_IN_SIS] = "not_in_sis",
		[REASON_START_MOVED] = "start_moved",
		[REASON_SCHOOL_CHANGED] = "school_changed",
		[REASON_EXIT_ADDED] = "exit_added",
		[REASON_EXIT_CHANGED] = "exit_changed",
		[REASON_EXIT_REMOVED] = "exit_removed",
		[REASON_NO_SHOW_REVIVED] = "no_show_revived",
		[REASON_FIELDS_CHANGED] = "fields_changed",
		[REASON_NEW_STUDENT] = "new_student",
		[REASON_NEW_ENROLLMENT] = "new_enrollment",
		[REASON_SERVICE_CHANGED] = "service_changed",
		[REASON_PROGRAM_CHANGED] = "program_changed",
		[REASON_END_ADDED] = "end_added",
		[REASON_END_CHANGED] = "end_changed",
		[REASON_END_REMOVED] = "end_removed",
		[REASON_NEW_PROGRAM] = "new_program",
	};

	return codes[reason];
}
