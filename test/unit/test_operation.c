/* What users and the database see of operations: their names, and the keys of records. */
#include <stdlib.h>

#include "enrollment.h"
#include "operation.h"
#include "process.h"
#include "program.h"
#include "unit.h"

static void
out_of_memory(size_t wanted)
{
	fprintf(stderr, "no memory for %zu bytes\n", wanted);
	exit(1);
}

static void
categories_are_the_names_of_files(void)
{
	CHECK_TEXT("Removals", text_of(operation_category_name(CATEGORY_REMOVALS)));
	CHECK_TEXT("Exits", text_of(operation_category_name(CATEGORY_EXITS)));
	CHECK_TEXT("Updates", text_of(operation_category_name(CATEGORY_UPDATES)));
}

static void
every_reason_has_a_code_of_its_own(void)
{
	for (int reason = 0; reason < REASON_COUNT; reason++)
	{
		const char *code = operation_reason_code(reason);

		CHECK(code != NULL && code[0] != '\0');
		for (int other = 0; other < reason; other++)
			CHECK(strcmp(code, operation_reason_code(other)) != 0);
	}
	CHECK_TEXT("start_moved", text_of(operation_reason_code(REASON_START_MOVED)));
	CHECK_TEXT("new_program", text_of(operation_reason_code(REASON_NEW_PROGRAM)));
}

static void
keys_have_a_place_for_blank_parts(void)
{
	Arena	   *arena = arena_create(out_of_memory);
	PictureRow	enrollment = {0};
	PictureRow	program = {0};

	enrollment.value[SENR_SCHOOL] = "6100101";
	enrollment.value[SENR_SSID] = "1234567890";
	enrollment.value[SENR_START_DATE] = "20250820";
	CHECK_TEXT("6100101^1234567890^20250820", text_of(process_key(arena, &senr_process, &enrollment)));
	program.value[SPRG_SCHOOL] = "6100101";
	program.value[SPRG_SSID] = "1234567890";
	program.value[SPRG_PROGRAM] = "181";
	program.value[SPRG_START_DATE] = "20250901";
	CHECK_TEXT("6100101^1234567890^181^20250901^^", text_of(process_key(arena, &sprg_process, &program)));
	arena_destroy(arena);
}

int
main(void)
{
	RUN(categories_are_the_names_of_files);
	RUN(every_reason_has_a_code_of_its_own);
	RUN(keys_have_a_place_for_blank_parts);
	return unit_finish();
}
