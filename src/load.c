/*-------------------------------------------------------------------------
 *
 * load.c
 *	  calpads.load_ods: an ODS extract becomes the baseline of its LEA.
 *
 * The file is read twice: its beginning, to learn whose file it is, and then
 * as a whole.  Only then can it be told whether it is a file worth having; if
 * it is not, the error takes everything back.  A large file with a key twice
 * may be read once more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/elog.h"
#include "utils/guc.h"

#include "compat.h"
#include "file_source.h"
#include "layout_catalog.h"
#include "load_rows.h"
#include "query.h"
#include "server_reader.h"

/* So many records tell whose file it is. */
#define SAMPLE_RECORDS 1000

/* Progress is reported after so many records. */
#define PROGRESS_RECORDS 1000

/* So many rows without any exit date do not happen by chance. */
#define ACTIVE_ONLY_ROWS 20

static const OdsProcess processes[] = {
	{
		.name = "SENR",
		.layout = "senr_ods",
		.baseline = "senr_baseline",
		.sis_view = "senr",
		.key = {"school_of_attendance", "ssid", "enrollment_start_date"},
		.required = {"reporting_lea", "enrollment_status_code"},
		.school = "school_of_attendance",
		.exit_date = "enrollment_exit_date",
		.exit_name = "exit date",
		.record_name = "enrollments",
		.window = "two years",
		.lea_rule = "SENR0001",
		.forms = {
			{"ssid", 10, true, "SENR0007"},
			{"school_of_attendance", 7, false, "SENR0002"},
		},
	},
	{
		.name = "SPRG",
		.layout = "sprg_ods",
		.baseline = "sprg_baseline",
		.sis_view = "sprg",
		.key = {"school_of_attendance", "ssid", "education_program_code",
		"education_program_membership_start_date"},
		/* Filled for one program only, where several services start together. */
		.blank_key = {"education_service_academic_year", "education_service_code"},
		.required = {"reporting_lea"},
		.school = "school_of_attendance",
		.exit_date = "education_program_membership_end_date",
		.exit_name = "end date",
		.record_name = "programs",
		.window = "ten years",
		.lea_rule = "IVR0001",
		.forms = {
			{"ssid", 10, true, "IVR0007"},
			{"school_of_attendance", 7, false, "IVR0002"},
			{"education_program_code", 3, true, "GERR0002"},
		},
	},
	{
		.name = "SELA",
		.layout = "sela_ods",
		.baseline = "sela_baseline",
		.sis_view = "sela",
		/* Of TBD there may be several, which only the start date tells apart. */
		.key = {"reporting_lea", "ssid", "english_language_acquisition_status_code",
		"english_language_acquisition_status_start_date"},
		/* A status is valid statewide, whoever sent it: records of other LEAs stay. */
		.lea_rule = NULL,
		.any_year = true,
		.follow_up = "SELECT calpads.fill_language_status($1::bigint)",
		.forms = {
			{"ssid", 10, true, "IVR0007"},
			{"reporting_lea", 7, true, "IVR0001"},
		},
	},
	{
		.name = "SINF",
		.layout = "sinf_ods",
		.baseline = "sinf_baseline",
		.sis_view = "sinf",
		.key = {"school_of_attendance", "ssid", "effective_start_date"},
		.required = {"reporting_lea"},
		.school = "school_of_attendance",
		.lea_rule = "IVR0001",
		.any_year = true,
		.forms = {
			{"ssid", 10, true, "IVR0007"},
			{"school_of_attendance", 7, false, "IVR0002"},
		},
	},
};

/* One call of load_ods. */
typedef struct Load
{
	const OdsProcess *process;
	FileSource *source;
	bool		from_server;	/* a file of the server, not bytes */
	const char *layout_year;
	Layout	   *layout;
	char	   *lea;
	char	   *load_id;
	Sha256State *digest;
	RowLoader  *rows;
	int64		bytes;			/* that were read, and are in the digest */
} Load;

/* ---- arguments ---------------------------------------------------------- */

static const OdsProcess *
find_process(const char *name)
{
	StringInfoData names;

	initStringInfo(&names);
	for (Size i = 0; i < lengthof(processes); i++)
	{
		if (strcmp(processes[i].name, name) == 0)
			return &processes[i];
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", processes[i].name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("no ODS extract of process \"%s\" can be loaded", name),
			 errhint("The processes are: %s.", names.data)));
}

static const char *
choose_layout_year(const char *layout_year)
{
	if (layout_year == NULL)
		return current_academic_year();
	if (!is_academic_year(layout_year))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is no academic year", layout_year),
				 errhint("Write layout_year like %s.", current_academic_year())));
	return layout_year;
}

static char *
text_argument(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(number));
}

static void
read_arguments(FunctionCallInfo fcinfo, Load *load)
{
	char	   *path = text_argument(fcinfo, 1);

	if (PG_ARGISNULL(0) || path == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("process and path must not be null")));

	load->process = find_process(text_argument(fcinfo, 0));
	load->layout_year = choose_layout_year(text_argument(fcinfo, 3));
	load->layout = layout_catalog_read(load->process->layout, load->layout_year);
	load->from_server = PG_ARGISNULL(2);
	if (load->from_server)
		load->source = file_source_open_as_user(path);
	else
	{
		bytea	   *content = PG_GETARG_BYTEA_PP(2);

		load->source = file_source_from_bytes(path, VARDATA_ANY(content),
											  VARSIZE_ANY_EXHDR(content));
	}
}

/* ---- refusals ----------------------------------------------------------- */

static int
errdetail_file(const Load *load)
{
	return errdetail("File \"%s\".", file_source_name(load->source));
}

/* LEA and school codes are no secrets, so they may stand in messages. */
static void
check_lea(const Load *load)
{
	const char *values[] = {load->lea};

	SPI_connect();
	query_run("SELECT string_agg(DISTINCT lea, ', ' ORDER BY lea), bool_or(lea = $1)"
			  " FROM calpads.school",
			  1, values);
	if (query_value(0, 1) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no school with a LEA is known"),
				 errhint("The view calpads.school shows the schools of the SIS table loc; fill that table first.")));
	if (!query_boolean(0, 2))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the file is of LEA \"%s\", which has no school here", load->lea),
				 errdetail_file(load),
				 errhint("The LEAs of calpads.school are: %s.", query_value(0, 1))));
	SPI_finish();
}

static void
refuse_cut_off_file(const Load *load, const Record *record)
{
	ereport(ERROR,
			(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
			 errmsg("the last line of the file is cut off after %d of %d fields",
					record->field_count, load->layout->field_count),
			 errdetail("File \"%s\", line %lld.", file_source_name(load->source),
					   (long long) record->line_no),
			 errhint("The download was interrupted; get the file again.")));
}

static void
check_rejected_rows(const Load *load, const LoadTally *tally)
{
	if (tally->rows_rejected * 2 > tally->rows_read)
		ereport(ERROR,
				(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
				 errmsg("%lld of %lld rows of the file cannot be used",
						(long long) tally->rows_rejected, (long long) tally->rows_read),
				 errdetail("File \"%s\": %s.", file_source_name(load->source),
						   tally->first_errors),
				 errhint("A load with more than half of its rows set aside is refused; request a new extract, or set layout_year to the academic year of the file.")));
}

static void
check_schools(const Load *load, const LoadTally *tally)
{
	int			count;
	char	   *codes = row_loader_schools(load->rows, false, &count);

	if (load->process->school != NULL && tally->rows_selected == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("none of the schools in the file is selected"),
				 errdetail("File \"%s\", schools %s.", file_source_name(load->source), codes),
				 errhint("The view calpads.school shows which schools are selected, the table calpads.school_selection changes it; or request the extract for the selected schools.")));
	if (load->process->school != NULL && count > 0)
		ereport(NOTICE,
				(errmsg("%lld of %lld rows are of %d schools that are not selected",
						(long long) (tally->rows_loaded - tally->rows_selected),
						(long long) tally->rows_loaded, count),
				 errdetail("Schools %s.", codes),
				 errhint("The rows were loaded, but are not compared.")));
}

/*
 * Does the SIS have closed records of the last years, of which fewer than half
 * are in the file?  Some always are: those that CALPADS does not know to be
 * closed.  The condition joins on the process's key.
 */
static bool
lacks_closed_records(const Load *load, const char *sis_view)
{
	const OdsProcess *process = load->process;
	const char *values[] = {load->lea, load->load_id};
	StringInfoData condition;
	bool		result;

	initStringInfo(&condition);
	for (const char *const *field = process->key; *field != NULL; field++)
		appendStringInfo(&condition, " AND b.%s = s.%s", *field, *field);
	for (const char *const *field = process->blank_key; *field != NULL; field++)
		appendStringInfo(&condition, " AND b.%s IS NOT DISTINCT FROM s.%s", *field, *field);

	query_run(psprintf("WITH closed AS MATERIALIZED (SELECT * FROM %s"
					   "  WHERE reporting_lea = $1 AND %s >="
					   "  calpads.school_year_start(calpads.today()) - interval '2 years')"
					   " SELECT count(DISTINCT b.line_no) * 2 < count(DISTINCT s.*)"
					   " FROM closed s LEFT JOIN calpads.%s b ON b.load_id = $2::bigint%s",
					   sis_view, process->exit_date, process->baseline, condition.data),
			  2, values);
	result = query_boolean(0, 1);
	pfree(condition.data);
	return result;
}

static void
check_active_only(const Load *load, const LoadTally *tally)
{
	const char *values[] = {load->process->sis_view};
	char	   *sis_view;

	if (load->process->exit_date == NULL || tally->rows_closed > 0 ||
		tally->rows_loaded < ACTIVE_ONLY_ROWS)
		return;

	SPI_connect();
	query_run("SELECT to_regclass(format('%I.%I', calpads.setting('sis_schema'), $1))::text",
			  1, values);
	sis_view = query_value(0, 1);
	if (sis_view != NULL && lacks_closed_records(load, sis_view))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the file holds active students only"),
				 errdetail("File \"%s\": none of its %lld rows has an %s, and most of the closed %s of the SIS are missing.",
						   file_source_name(load->source), (long long) tally->rows_loaded,
						   load->process->exit_name, load->process->record_name),
				 errhint("Request the extract by date range, from July 1 %s back until today, for all schools.",
						 load->process->window)));
	SPI_finish();
}

/* ---- which year's file it is -------------------------------------------- */

/* Fields of the first line; 0 when it does not end within the buffer. */
static int
count_first_fields(const Load *load)
{
	char		buffer[READER_MAX_LINE];
	size_t		size = 0;
	size_t		count;
	int			fields = 1;

	while ((count = file_source_read(load->source, buffer + size, sizeof(buffer) - size)) > 0)
		size += count;
	file_source_rewind(load->source);
	for (size_t i = 0; i < size; i++)
	{
		if (buffer[i] == '\n')
			return fields;
		fields += buffer[i] == '^';
	}
	return size < sizeof(buffer) ? fields : 0;
}

/*
 * Records that were shorter in earlier years say by their length of which
 * year they are (spec/sinf_sela_sprg.md section 1); when no year fits, the
 * current one stays, and the reader tells what is wrong.
 */
static void
choose_layout_by_fields(Load *load)
{
	char	   *year = layout_catalog_newest_year(load->layout->name, count_first_fields(load));

	if (year == NULL || strcmp(year, load->layout_year) == 0)
		return;
	load->layout_year = year;
	load->layout = layout_catalog_read(load->process->layout, year);
}

/* ---- whose file it is --------------------------------------------------- */

/* A majority vote that remembers one candidate (Boyer and Moore). */
typedef struct Vote
{
	const char *voters;			/* LEAs that count, all in one text, or NULL: every one */
	char		candidate[8];
	int			lead;
} Vote;

/* Only seven digits count: anything else may be a name out of its place. */
static void
count_vote(Vote *vote, FieldText value)
{
	char		lea[sizeof(vote->candidate)] = {0};

	if (value.length != sizeof(lea) - 1)
		return;
	memcpy(lea, value.data, value.length);
	if (strspn(lea, "0123456789") != value.length ||
		(vote->voters != NULL && strstr(vote->voters, lea) == NULL))
		return;
	if (vote->lead == 0)
		memcpy(vote->candidate, lea, sizeof(lea));
	vote->lead += strcmp(vote->candidate, lea) == 0 ? 1 : -1;
}

static bool
field_is(const Record *record, int position, const char *value)
{
	FieldText	found = field_trim(record->fields[position]);

	return found.length == strlen(value) && memcmp(found.data, value, found.length) == 0;
}

/*
 * A file for CALPADS has the same records as one from it, but they say what is
 * to be done, and lack the dates that an extract appends; as a baseline it
 * would hide all that CALPADS holds.
 */
static void
refuse_upload_file(const Load *load, const Record *record)
{
	const Layout *layout = load->layout;
	int			transaction = layout_field_position(layout, "transaction_type_code");

	if (layout->other_record_type == NULL || transaction < 0 ||
		!field_is(record, 0, layout->other_record_type) ||
		field_is(record, transaction, "") ||
		(!field_is(record, transaction, "D") && record->field_count == layout->field_count))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
			 errmsg("the file is one for CALPADS, not from CALPADS"),
			 errdetail("File \"%s\", line %lld: a record of type \"%s\" with a transaction type.",
					   file_source_name(load->source), (long long) record->line_no,
					   layout->other_record_type),
			 errhint("Request the ODS extract in CALPADS and load that.")));
}

/* The LEAs that have a school here, one after the other. */
static const char *
own_leas(void)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *leas;

	SPI_connect();
	query_run("SELECT coalesce(string_agg(DISTINCT lea, ' '), '') FROM calpads.school", 0, NULL);
	leas = MemoryContextStrdup(context, query_value(0, 1));
	SPI_finish();
	return leas;
}

/*
 * The reporting LEA of most of the first records; of a process whose files
 * also hold records of other LEAs, one that has a school here if any has.
 */
static char *
find_lea(const Load *load)
{
	int			position = layout_field_position(load->layout, "reporting_lea");
	Vote		vote = {NULL, {0}, 0};
	Vote		own = {load->process->lea_rule == NULL ? own_leas() : "", {0}, 0};
	Record		record;
	ServerReader *reader = server_reader_open(load->layout, load->layout_year, ENCODING_AUTO,
											  load->source, file_source_read, load->source);

	for (int records = 1; records <= SAMPLE_RECORDS; records++)
	{
		ReaderStatus status = server_reader_next(reader, &record);

		if (status == READER_END)
			break;
		if (status == READER_RECORD)
		{
			FieldText	lea = field_normalise(&load->layout->fields[position],
											  record.fields[position]);

			refuse_upload_file(load, &record);
			count_vote(&vote, lea);
			count_vote(&own, lea);
		}
	}
	server_reader_close(reader);
	file_source_rewind(load->source);

	if (vote.candidate[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
				 errmsg("no row of the file names its reporting LEA"),
				 errdetail_file(load),
				 errhint("Request a new extract, or set layout_year to the academic year of the file.")));
	return pstrdup(own.candidate[0] != '\0' ? own.candidate : vote.candidate);
}

/* ---- the acts of a load ------------------------------------------------- */

/*
 * Makes the row of calpads.load, and holds that of calpads.current_load until
 * the end of the transaction: loads, posts and extracts of a process and LEA
 * wait for each other there.
 */
static void
begin_load(Load *load)
{
	MemoryContext context = CurrentMemoryContext;
	const char *name = strrchr(file_source_name(load->source), '/');
	const char *values[] = {
		load->process->name,
		load->lea,
		name == NULL ? file_source_name(load->source) : name + 1,
		load->layout->name,
		load->layout_year
	};
	const char *current[] = {load->process->name, load->lea, NULL};

	SPI_connect();
	query_run("INSERT INTO calpads.load (process, lea, file_name, layout, layout_year)"
			  " VALUES ($1, $2, $3, $4, $5) RETURNING load_id",
			  lengthof(values), values);
	load->load_id = MemoryContextStrdup(context, query_value(0, 1));
	current[2] = load->load_id;
	query_run("INSERT INTO calpads.current_load (process, lea, load_id)"
			  " VALUES ($1, $2, $3::bigint) ON CONFLICT DO NOTHING",
			  3, current);
	query_run("SELECT FROM calpads.current_load WHERE process = $1 AND lea = $2 FOR UPDATE",
			  2, current);
	SPI_finish();
}

/* A ReaderSource that takes the digest of what it gives. */
static size_t
read_with_digest(void *context, char *buffer, size_t size)
{
	Load	   *load = context;
	size_t		count = file_source_read(load->source, buffer, size);

	sha256_add(load->digest, buffer, count);
	return count;
}

/* Where an error happened that is not about the file itself. */
typedef struct Place
{
	const Load *load;
	const Record *record;
} Place;

static void
describe_place(void *place)
{
	errcontext("file \"%s\", line %lld", file_source_name(((Place *) place)->load->source),
			   (long long) ((Place *) place)->record->line_no);
}

static void
set_aside(const Load *load, const ServerReader *reader, const Record *record)
{
	char	   *complaint = server_reader_complaint(reader, record);

	row_loader_set_aside(load->rows, record, complaint);
	pfree(complaint);
}

/* What is done with each record of the file. */
typedef void (*RecordTaker) (const Load *load, const ServerReader *reader, ReaderStatus status,
							 const Record *record);

static void
take_record(const Load *load, const ServerReader *reader, ReaderStatus status,
			const Record *record)
{
	if (status == READER_RECORD)
		row_loader_take(load->rows, record);
	else
		set_aside(load, reader, record);
}

static void
take_record_back(const Load *load, const ServerReader *reader, ReaderStatus status,
				 const Record *record)
{
	if (status == READER_RECORD)
		row_loader_take_back(load->rows, record);
}

static void
call_with_place(RecordTaker take, const Load *load, const ServerReader *reader,
				ReaderStatus status, const Record *record)
{
	Place		place = {load, record};
	ErrorContextCallback callback = {
		.previous = error_context_stack,
		.callback = describe_place,
		.arg = &place
	};

	error_context_stack = &callback;
	take(load, reader, status, record);
	error_context_stack = callback.previous;
}

/*
 * Of some records it was only known at the end that their key had been there:
 * they go into calpads.load_error with all that they say.
 */
static void
read_late_duplicates(Load *load)
{
	Record		record;
	ReaderStatus status;
	ServerReader *reader;

	file_source_rewind(load->source);
	reader = server_reader_open(load->layout, load->layout_year, ENCODING_AUTO, load->source,
								file_source_read, load->source);
	while ((status = server_reader_next(reader, &record)) != READER_END)
	{
		CHECK_FOR_INTERRUPTS();
		call_with_place(take_record_back, load, reader, status, &record);
	}
	server_reader_close(reader);
}

static void
refuse_changed_file(const Load *load)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("the file was changed while it was loaded"),
			 errdetail_file(load),
			 errhint("Load it again when it is complete.")));
}

/* What the records of calpads.load_error have put into the baseline. */
static void
delete_late_duplicates(const Load *load)
{
	const char *values[] = {load->load_id};
	int			settings = NewGUCNestLevel();

	query_set_planner();
	SPI_connect();
	query_run(psprintf("DELETE FROM calpads.%s b USING calpads.load_error e"
					   " WHERE b.load_id = $1::bigint AND e.load_id = $1::bigint AND b.line_no = e.line_no",
					   load->process->baseline),
			  1, values);
	SPI_finish();
	AtEOXact_GUC(true, settings);
}

static void
read_rows(Load *load)
{
	const LoadTally *tally;
	Record		record;
	ReaderStatus status;
	bool		has_late_duplicates;
	ServerReader *reader = server_reader_open(load->layout, load->layout_year, ENCODING_AUTO,
											  load->source, read_with_digest, load);

	load->digest = sha256_start();
	load->rows = row_loader_create(load->process, load->layout, strtoll(load->load_id, NULL, 10),
								   load->lea, file_source_size(load->source));
	tally = row_loader_tally(load->rows);
	copy_progress_start(row_loader_relation(load->rows), PROGRESS_COPY_COMMAND_FROM,
						load->from_server ? PROGRESS_COPY_TYPE_FILE : PROGRESS_COPY_TYPE_CALLBACK,
						file_source_size(load->source));

	while ((status = server_reader_next(reader, &record)) != READER_END)
	{
		CHECK_FOR_INTERRUPTS();
		if (status == READER_BAD_RECORD && record.error == READER_TRUNCATED)
			refuse_cut_off_file(load, &record);
		call_with_place(take_record, load, reader, status, &record);
		if (tally->rows_read % PROGRESS_RECORDS == 0)
			copy_progress_update(server_reader_bytes(reader), tally->rows_loaded,
								 tally->rows_rejected);
	}

	load->bytes = server_reader_bytes(reader);
	server_reader_close(reader);

	has_late_duplicates = row_loader_has_late_duplicates(load->rows);
	if (has_late_duplicates)
		read_late_duplicates(load);
	copy_progress_update(load->bytes, tally->rows_loaded, tally->rows_rejected);
	copy_progress_end();
	if (!row_loader_finish(load->rows))
		refuse_changed_file(load);
	/* The rows are to be seen by the statements that follow. */
	CommandCounterIncrement();
	if (has_late_duplicates)
		delete_late_duplicates(load);
}

static void
check_result(const Load *load)
{
	const LoadTally *tally = row_loader_tally(load->rows);

	check_rejected_rows(load, tally);
	check_schools(load, tally);
	check_active_only(load, tally);
	if (tally->rows_rejected > 0)
		ereport(NOTICE,
				(errmsg("%lld of %lld rows were set aside", (long long) tally->rows_rejected,
						(long long) tally->rows_read),
				 errdetail("File \"%s\": %s.", file_source_name(load->source),
						   tally->first_errors),
				 errhint("The table calpads.load_error has them all; their students are held.")));
}

static char *
hexadecimal_digest(Sha256State *state)
{
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	char	   *digits = palloc(2 * PG_SHA256_DIGEST_LENGTH + 1);

	sha256_finish(state, digest);
	digits[hex_encode((const char *) digest, PG_SHA256_DIGEST_LENGTH, digits)] = '\0';
	return digits;
}

static char *
number(int64 value)
{
	return psprintf("%lld", (long long) value);
}

/* The load takes the place of the one before. */
static void
finish_load(const Load *load)
{
	const LoadTally *tally = row_loader_tally(load->rows);
	const char *values[] = {
		load->load_id,
		load->process->name,
		load->lea,
		hexadecimal_digest(load->digest),
		number(load->bytes),
		number(tally->rows_read),
		number(tally->rows_loaded),
		number(tally->rows_rejected)
	};
	const char *reason[] = {
		load->process->name,
		load->lea,
		psprintf("ODS load %s replaced the baseline", load->load_id)
	};

	SPI_connect();
	query_run("WITH this AS ("
			  "  UPDATE calpads.load SET sha256 = $4, bytes = $5::bigint, rows_read = $6::bigint,"
			  "  rows_loaded = $7::bigint, rows_rejected = $8::bigint, loaded_at = clock_timestamp()"
			  "  WHERE load_id = $1::bigint RETURNING load_id, process, lea, loaded_at),"
			  " former AS ("
			  "  UPDATE calpads.load l SET closed_at = this.loaded_at FROM this"
			  "  WHERE l.process = this.process AND l.lea = this.lea"
			  "  AND l.closed_at IS NULL AND l.load_id <> this.load_id)"
			  " UPDATE calpads.current_load c SET load_id = this.load_id FROM this"
			  " WHERE c.process = this.process AND c.lea = this.lea",
			  lengthof(values), values);
	query_run("SELECT calpads.close_batches($1, $2, $3)", lengthof(reason), reason);
	query_run("SELECT calpads.note_unseen_postings($1::bigint)", 1, values);
	if (load->process->follow_up != NULL)
		query_run(load->process->follow_up, 1, values);
	SPI_finish();
}

/* The row of calpads.load. */
static Datum
load_row(const Load *load)
{
	const char *values[] = {load->load_id};
	Datum		row;
	bool		is_null;

	SPI_connect();
	query_run("SELECT l FROM calpads.load l WHERE load_id = $1::bigint", 1, values);
	row = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
	row = SPI_datumTransfer(row, false, -1);
	SPI_finish();
	return row;
}

PG_FUNCTION_INFO_V1(calpads_load_ods);

/* calpads.load_ods(process, path, content, layout_year) → calpads.load */
Datum
calpads_load_ods(PG_FUNCTION_ARGS)
{
	Load		load = {0};

	read_arguments(fcinfo, &load);
	if (load.process->any_year && PG_ARGISNULL(3))
		choose_layout_by_fields(&load);
	load.lea = find_lea(&load);
	check_lea(&load);
	begin_load(&load);
	read_rows(&load);
	file_source_close(load.source);
	check_result(&load);
	finish_load(&load);
	PG_RETURN_DATUM(load_row(&load));
}
