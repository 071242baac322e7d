/*-------------------------------------------------------------------------
 *
 * process.c
 *	  The processes of CALPADS whose difference is worked out.
 *
 *-------------------------------------------------------------------------
 */
#include "process.h"

#include <string.h>

#include "reconcile.h"
#include "reconcile_sprg.h"
#include "rule_check.h"

/* DESIGN section 5, rules 1 and 2. */
const Process senr_process = {
	.name = "SENR",
	.layout = "senr",
	.row_word = "enrollment",
	.row_words = "an enrollment",
	.field_count = SENR_FIELD_COUNT,
	.field_name = senr_field_name,
	.field_source = senr_field_source,
	.transaction_type = SENR_TRANSACTION_TYPE,
	.lea = SENR_REPORTING_LEA,
	.school = SENR_SCHOOL,
	.ssid = SENR_SSID,
	.local_student_id = SENR_LOCAL_STUDENT_ID,
	.start = SENR_START_DATE,
	.end = SENR_EXIT_DATE,
	.program = -1,
	.code_year = -1,
	.dates = FIELD_BIT(SENR_BIRTH_DATE) | FIELD_BIT(SENR_START_DATE) | FIELD_BIT(SENR_EXIT_DATE),
	.compared = SENR_COMPARED,
	.key_count = 3,
	.key = {SENR_SCHOOL, SENR_SSID, SENR_START_DATE},
	.same_key = enrollment_same_key,
	.window_years = 2,
	.reconcile = reconcile_student,
	.wave = &senr_wave_rules,
	.check_record = check_senr_record,
	.check_beside = check_other_rows,
};

/* spec/sinf_sela_sprg.md sections 1 and 4; ten years, by the day on which a row ends. */
const Process sprg_process = {
	.name = "SPRG",
	.layout = "sprg",
	.row_word = "program",
	.row_words = "a program",
	.field_count = SPRG_FIELD_COUNT,
	.field_name = sprg_field_name,
	.field_source = sprg_field_source,
	.transaction_type = SPRG_TRANSACTION_TYPE,
	.lea = SPRG_REPORTING_LEA,
	.school = SPRG_SCHOOL,
	.ssid = SPRG_SSID,
	.local_student_id = SPRG_LOCAL_STUDENT_ID,
	.start = SPRG_START_DATE,
	.end = SPRG_END_DATE,
	.program = SPRG_PROGRAM,
	.code_year = SPRG_ACADEMIC_YEAR,
	.dates = FIELD_BIT(SPRG_BIRTH_DATE) | FIELD_BIT(SPRG_START_DATE) | FIELD_BIT(SPRG_END_DATE),
	.compared = SPRG_COMPARED,
	.key_count = 6,
	.key = {SPRG_SCHOOL, SPRG_SSID, SPRG_PROGRAM, SPRG_START_DATE, SPRG_SERVICE_YEAR, SPRG_SERVICE},
	.same_key = program_same_key,
	.window_years = 10,
	.window_by_end = true,
	.reconcile = reconcile_programs,
	.wave = &sprg_wave_rules,
	.check_record = check_sprg_record,
	.check_beside = check_other_programs,
};

const Process *
process_named(const char *name)
{
	static const Process *const processes[] = {&senr_process, &sprg_process};

	for (size_t i = 0; i < sizeof(processes) / sizeof(processes[0]); i++)
		if (strcmp(processes[i]->name, name) == 0)
			return processes[i];
	return NULL;
}

const char *
process_key(Arena *arena, const Process *process, const PictureRow *row)
{
	const char *key = "";

	for (int part = 0; part < process->key_count; part++)
	{
		const char *value = row->value[process->key[part]];

		key = arena_print(arena, "%s%s%s", key, part > 0 ? "^" : "", value != NULL ? value : "");
	}
	return key;
}
