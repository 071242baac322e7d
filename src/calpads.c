/*-------------------------------------------------------------------------
 *
 * calpads.c
 *	  The module: settings, and the functions through which SQL reads them.
 *
 *-------------------------------------------------------------------------
 */
#include "calpads.h"

#include <limits.h>

#include "access/xact.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "copy_format.h"

PG_MODULE_MAGIC;

bool		calpads_no_future_dates = false;
int			calpads_file_encoding = PG_UTF8;
int			calpads_comparison_memory = 64 * 1024;

/* Read by SQL only; the variables have to exist for the server to fill. */
static char *today_setting;
static char *sis_schema;
static double removal_limit_percent = 5;
static int	year_end_exits;
static int	year_end_window_days = 14;
static char *skip_student_tags;
static bool lea_from_school;
static char *independent_charter_schools;
static bool keep_preschool_exit_reasons;
static char *status_field;
static char *golden_state_seal_code;
static char *biliteracy_seal_code;
static char *transition_status_field;
static char *program_change_code;
static char *stu_ed_use_date;
static char *legacy_changes_since;
static char *ssid_mail_recipients;
static bool ods_is_live;
static char *sprg_exclude;
static char *sprg_exclude_meal_sources;
static bool sprg_504_eligibility = true;
static int	sprg_year_end_window_days = 30;
static char *guardian_codes;
static char *guardian_flags;
static char *race_blank_codes;
static bool sela_fill_lac = true;
static char *import_directory;
static int	import_settle_seconds = 2;
static char *mail_server;
static char *mail_from;
static int	mail_attempts = 10;
static int	mail_history_days = 90;
static int	job_history_days = 90;
static char *nightly_mail_recipients;
static char *program_source;
static bool isi_compatible;
static bool isi_reopen;

static const struct config_enum_entry year_end_exits_options[] = {
	{"off", 0, false},
	{"auto", 1, false},
	{NULL, 0, false}
};

static const struct config_enum_entry file_encoding_options[] = {
	{"utf8", PG_UTF8, false},
	{"windows-1252", PG_WIN1252, false},
	{NULL, 0, false}
};

/* A date in the form YYYY-MM-DD, or nothing. */
static bool
check_date_setting(char **newval, void **extra, GucSource source)
{
	int			year,
				month,
				day;
	char		rest;

	if (**newval == '\0')
		return true;
	if (sscanf(*newval, "%4d-%2d-%2d%c", &year, &month, &day, &rest) == 3 &&
		year >= 1900 && year < 2200 && month >= 1 && month <= 12 && day >= 1 &&
		day <= day_tab[isleap(year)][month - 1])
		return true;
	GUC_check_errdetail("A date is written YYYY-MM-DD, for example 2026-09-30.");
	return false;
}

/* pgm, isi, or education program codes of three digits, separated by commas. */
static bool
check_program_source(char **newval, void **extra, GucSource source)
{
	const char *rest = *newval + strspn(*newval, " ");

	if (*rest == '\0' || strcmp(rest, "pgm") == 0 || strcmp(rest, "isi") == 0)
		return true;
	while (strspn(rest, "0123456789") == 3)
	{
		rest += 3;
		rest += strspn(rest, " ");
		if (*rest == '\0')
			return true;
		if (*rest++ != ',')
			break;
		rest += strspn(rest, " ");
	}
	GUC_check_errdetail("It is pgm, isi, or a list of education program codes, for example 101, 127.");
	return false;
}

static void
define_string(const char *name, const char *description, char **variable, const char *value,
			  GucStringCheckHook check)
{
	DefineCustomStringVariable(name, description, NULL, variable, value, PGC_USERSET, 0, check, NULL,
							   NULL);
}

static void
define_bool(const char *name, const char *description, bool *variable)
{
	DefineCustomBoolVariable(name, description, NULL, variable, false, PGC_USERSET, 0, NULL, NULL,
							 NULL);
}

static void
define_general_settings(void)
{
	define_string("calpads.today", "The day that counts as today; empty is the current date.",
				  &today_setting, "", check_date_setting);
	define_string("calpads.sis_schema", "Schema of the student information system's tables and views.",
				  &sis_schema, "sis", NULL);
	DefineCustomEnumVariable("calpads.file_encoding", "Encoding of the files that are written.", NULL,
							 &calpads_file_encoding, PG_UTF8, file_encoding_options, PGC_USERSET, 0,
							 NULL, NULL, NULL);
	DefineCustomRealVariable("calpads.removal_limit_percent",
							 "Share of the current year's rows in CALPADS that a batch may remove.", NULL,
							 &removal_limit_percent, 5, 0, 100, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("calpads.comparison_memory",
							"Memory that a comparison takes before it goes on in temporary files.",
							"The keys of a file that is loaded take a quarter of it, at most 16 MB.",
							&calpads_comparison_memory, 64 * 1024, 64, MAX_KILOBYTES, PGC_USERSET, GUC_UNIT_KB,
							NULL, NULL, NULL);
	define_bool("calpads.no_future_dates", "Leave exits and enrollments after today out of the files.",
				&calpads_no_future_dates);
	define_bool("calpads.ods_is_live",
				"CALPADS' ODS extracts show what was posted a moment ago, not the state of the evening before.",
				&ods_is_live);
	define_string("calpads.legacy_changes_since",
				  "The legacy extracts hold only students with a date after this one; empty is everybody.",
				  &legacy_changes_since, "", check_date_setting);
	define_string("calpads.ssid_mail_recipients",
				  "Addresses that hear of SSID updates, separated by commas; empty is nobody.",
				  &ssid_mail_recipients, "", NULL);
}

/* The options of the SIS that change a file: spec/aeries_logic.md section 11. */
static void
define_mapping_settings(void)
{
	DefineCustomEnumVariable("calpads.year_end_exits",
							 "Close open enrollments when the end of the school year is near (E155, E156).",
							 NULL, &year_end_exits, 0, year_end_exits_options, PGC_USERSET, 0, NULL, NULL,
							 NULL);
	DefineCustomIntVariable("calpads.year_end_window_days",
							"Days before the last school day from which year_end_exits closes enrollments.",
							NULL, &year_end_window_days, 14, 0, 366, PGC_USERSET, 0, NULL, NULL, NULL);
	define_string("calpads.skip_student_tags", "STU.TG values whose enrollments are not reported.",
				  &skip_student_tags, "", NULL);
	define_bool("calpads.lea_from_school",
				"Take the county-district code from each school's LOC record.", &lea_from_school);
	define_string("calpads.independent_charter_schools",
				  "LOC.CD numbers of schools that report as their own LEA.",
				  &independent_charter_schools, "", NULL);
	define_bool("calpads.keep_preschool_exit_reasons",
				"Do not change exit reasons of preschool and lower to E450.",
				&keep_preschool_exit_reasons);
	define_string("calpads.status_field", "STU column that holds the enrollment status.",
				  &status_field, "sp", NULL);
	define_string("calpads.golden_state_seal_code", "ACT.CD of the Golden State Seal Merit Diploma.",
				  &golden_state_seal_code, "", NULL);
	define_string("calpads.biliteracy_seal_code", "ACT.CD of the Seal of Biliteracy.",
				  &biliteracy_seal_code, "", NULL);
	define_string("calpads.transition_status_field",
				  "CSE column of the adult-age transition status (SENR 1.34).",
				  &transition_status_field, "", NULL);
	define_string("calpads.program_change_code",
				  "Local exit reason that closes a row only because the program changed.",
				  &program_change_code, "440", NULL);
	define_string("calpads.stu_ed_use_date",
				  "Before this date STU.ED is the start of the first enrollment of the year.",
				  &stu_ed_use_date, "", check_date_setting);
}

/* The same for student programs: spec/aeries_logic.md sections 8.3 and 11. */
static void
define_program_settings(void)
{
	define_string("calpads.sprg_exclude", "Education program codes that are not reported.",
				  &sprg_exclude, "", NULL);
	define_string("calpads.sprg_exclude_meal_sources",
				  "FRE.SRC values whose meal records are not reported.",
				  &sprg_exclude_meal_sources, "", NULL);
	/* The code set has them as eligibility since 2018-19; the SIS can differ. */
	DefineCustomBoolVariable("calpads.sprg_504_eligibility",
							 "Report 504 plans (program 101) as eligibility, not as participation.", NULL,
							 &sprg_504_eligibility, true, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("calpads.sprg_year_end_window_days",
							"Days before the last school day from which participation in a program is closed.",
							NULL, &sprg_year_end_window_days, 30, 0, 366, PGC_USERSET, 0, NULL, NULL,
							NULL);
	define_string("calpads.program_source",
				  "Where student programs come from: pgm, isi (calpads.isi_program), or the education "
				  "program codes that come from calpads.isi_program.",
				  &program_source, "pgm", check_program_source);
	define_bool("calpads.isi_compatible",
				"Programs files: load what looks like a duplicate or another student, with a warning, as Illuminate does.",
				&isi_compatible);
	define_bool("calpads.isi_reopen",
				"Programs files: an empty end date opens a record that has one.",
				&isi_reopen);
}

/* The same for student information: spec/aeries_logic.md sections 8.2 and 11. */
static void
define_student_settings(void)
{
	define_string("calpads.guardian_codes", "CON.CD values that mark a contact as parent or guardian.",
				  &guardian_codes, "", NULL);
	define_string("calpads.guardian_flags",
				  "CON columns (Y or N) that mark a contact as parent or guardian.",
				  &guardian_flags, "erh,lw,pc,ap", NULL);
	define_string("calpads.race_blank_codes",
				  "STU.RC1 values that say that the race was left blank intentionally.",
				  &race_blank_codes, "", NULL);
}

static void
define_language_settings(void)
{
	DefineCustomBoolVariable("calpads.sela_fill_lac",
							 "Write the newest status of a loaded SELA extract into LAC.EAC and LAC.EAD.",
							 NULL, &sela_fill_lac, true, PGC_USERSET, 0, NULL, NULL, NULL);
}

static void
define_count(const char *name, const char *description, int *variable, int value, int lowest, int highest)
{
	DefineCustomIntVariable(name, description, NULL, variable, value, lowest, highest, PGC_USERSET, 0,
							NULL, NULL, NULL);
}

/* Files from elsewhere, mail and the schedule: spec/transport.md. */
static void
define_transport_settings(void)
{
	/* What is below it can be read by whoever may import. */
	DefineCustomStringVariable("calpads.import_directory",
							   "Directory of the server below which files to import lie; empty is none.",
							   NULL, &import_directory, "", PGC_SUSET, 0, NULL, NULL, NULL);
	define_count("calpads.import_settle_seconds",
				 "Seconds that a file in a folder must be unchanged before it is imported.",
				 &import_settle_seconds, 2, 0, 3600);
	define_string("calpads.mail_server", "Server of the wrapper calpads_transport that mail is sent by.",
				  &mail_server, "", NULL);
	define_string("calpads.mail_from", "Address of the sender of mail.", &mail_from, "", NULL);
	define_count("calpads.mail_attempts", "Attempts to send a mail before it is given up.",
				 &mail_attempts, 10, 1, 1000);
	define_count("calpads.mail_history_days", "Days that mails are kept after they were sent.",
				 &mail_history_days, 90, 1, 36500);
	define_count("calpads.job_history_days", "Days that the runs of jobs are kept.",
				 &job_history_days, 90, 1, 36500);
	define_string("calpads.nightly_mail_recipients",
				  "Addresses that are told of the nightly delta and of jobs that fail, separated by commas.",
				  &nightly_mail_recipients, "", NULL);
}

void
_PG_init(void)
{
	define_general_settings();
	define_mapping_settings();
	define_program_settings();
	define_student_settings();
	define_language_settings();
	define_transport_settings();
	MarkGUCPrefixReserved("calpads");
	copy_format_install();
}

DateADT
calpads_current_date(void)
{
	if (today_setting != NULL && today_setting[0] != '\0')
		return DatumGetDateADT(DirectFunctionCall1(date_in, CStringGetDatum(today_setting)));
	return GetSQLCurrentDate();
}

static void
out_of_memory(size_t wanted)
{
	ereport(ERROR,
			(errcode(ERRCODE_OUT_OF_MEMORY),
			 errmsg("out of memory"),
			 errdetail("Failed on a request of %zu bytes for records of students.", wanted)));
}

static void
free_arena(void *arena)
{
	arena_destroy(arena);
}

Arena *
calpads_make_arena(void)
{
	MemoryContextCallback *callback = palloc(sizeof(MemoryContextCallback));
	Arena	   *arena = arena_create(out_of_memory);

	callback->func = free_arena;
	callback->arg = arena;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	return arena;
}

PG_FUNCTION_INFO_V1(calpads_today);

/* calpads.today() → date */
Datum
calpads_today(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATEADT(calpads_current_date());
}

PG_FUNCTION_INFO_V1(calpads_setting);

/* calpads.setting(name) → text: the value of calpads.<name> */
Datum
calpads_setting(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const char *value = GetConfigOptionByName(psprintf("calpads.%s", name), NULL, false);

	PG_RETURN_TEXT_P(cstring_to_text(value));
}

PG_FUNCTION_INFO_V1(calpads_data_directory);

/* calpads.data_directory() → text: where the reference data is installed */
Datum
calpads_data_directory(PG_FUNCTION_ARGS)
{
	char		share_path[MAXPGPATH];

	get_share_path(my_exec_path, share_path);
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%s/calpads", share_path)));
}
