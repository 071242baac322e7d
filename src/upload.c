/*-------------------------------------------------------------------------
 *
 * upload.c
 *	  COPY calpads.upload FROM STDIN WITH (FORMAT calpads, NAME '…').
 *
 * A file of the client, byte for byte into one row, so that psql's \copy can
 * hand over a file as it came from CALPADS.  The data is announced as binary,
 * or psql would look for the end mark "\." in it.
 *
 *-------------------------------------------------------------------------
 */
#include "upload.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/*
 * libpq.h shows the struct of a connection, which is not touched here, and for
 * its sake wants Kerberos' headers, which do not come with the server's.
 */
#undef ENABLE_GSS
#include "libpq/libpq.h"

#include "compat.h"
#include "copy_format.h"

/* A row is limited to 1 GB; some of it is for its header and other columns. */
#define LARGEST_UPLOAD (MaxAllocSize - (Size) 1024 * 1024)

/* ---- what is refused ------------------------------------------------------ */

static Oid
find_table(const CopyStmt *stmt)
{
	Oid			table = RangeVarGetRelid(stmt->relation, NoLock, false);

	if (table != get_relname_relid("upload", get_namespace_oid("calpads", true)))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("COPY FROM with format calpads fills the table calpads.upload only"),
				 errhint("calpads.load_upload() loads what is there; a foreign table of server calpads_files reads a file of the server.")));
	if (stmt->attlist != NIL || stmt->whereClause != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("COPY FROM with format calpads takes neither columns nor WHERE")));
	return table;
}

static void
check_source(const CopyStmt *stmt)
{
	if (stmt->is_program || stmt->filename != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("COPY FROM with format calpads reads from the client only"),
				 errhint("calpads.load_ods() loads a file of the server by its path.")));
	if (whereToSendOutput != DestRemote)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("COPY FROM STDIN with format calpads needs a client")));
}

/* The row is inserted, and its number is read. */
static void
check_rights(Oid table)
{
	const AclMode needed = ACL_INSERT | ACL_SELECT;

	PreventCommandIfReadOnly("COPY FROM");
	PreventCommandIfParallelMode("COPY FROM");
	if (pg_class_aclmask(table, GetUserId(), needed, ACLMASK_ALL) != needed)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, "upload");
}

static const char *
file_name(const CopyStmt *stmt)
{
	const char *name = copy_option(stmt, "name");

	if (name == NULL || name[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the upload needs the name of its file"),
				 errhint("Write WITH (FORMAT calpads, NAME 'SENR.txt').")));
	return name;
}

/* ---- the client's bytes ------------------------------------------------------ */

static void
ask_for_data(void)
{
	StringInfoData message;

	pq_beginmessage(&message, 'G'); /* CopyInResponse */
	pq_sendbyte(&message, 1);
	pq_sendint16(&message, 1);
	pq_sendint16(&message, 1);
	pq_endmessage(&message);
	pq_flush();
}

/* The type of the next message, whose content is read into the buffer. */
static int
read_message(StringInfo message)
{
	int			type;

	/* A cancel in the middle of a message would lose the thread. */
	HOLD_CANCEL_INTERRUPTS();
	pq_startmsgread();
	type = pq_getbyte();
	if (type == EOF || pq_getmessage(message, PQ_LARGE_MESSAGE_LIMIT) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("unexpected EOF on client connection with an open transaction")));
	RESUME_CANCEL_INTERRUPTS();
	CHECK_FOR_INTERRUPTS();
	return type;
}

static void
add_data(StringInfo content, const StringInfoData *data)
{
	if ((Size) content->len + data->len > LARGEST_UPLOAD)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the file is too large for an upload"),
				 errdetail("An upload holds up to %d MB.", (int) (LARGEST_UPLOAD / ((Size) 1024 * 1024))),
				 errhint("A file of the server is read by its path: calpads.load_ods().")));
	appendBinaryStringInfo(content, data->data, data->len);
	copy_progress_update(content->len - VARHDRSZ, 0, 0);
}

/* Takes one message; false when it was the last. */
static bool
take_message(StringInfo content, int type, StringInfo message)
{
	switch (type)
	{
		case 'd':				/* CopyData */
			add_data(content, message);
			return true;
		case 'H':				/* Flush and Sync mean nothing here */
		case 'S':
			return true;
		case 'c':				/* CopyDone */
			return false;
		case 'f':				/* CopyFail */
			ereport(ERROR,
					(errcode(ERRCODE_QUERY_CANCELED),
					 errmsg("COPY from stdin failed: %s", pq_getmsgstring(message))));
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_PROTOCOL_VIOLATION),
					 errmsg("unexpected message type 0x%02X during COPY from stdin", type)));
	}
	return false;
}

/* All bytes of the client as a bytea. */
static bytea *
receive_content(Oid table)
{
	StringInfoData content;
	StringInfoData message;
	int			type;

	initStringInfo(&content);
	initStringInfo(&message);
	appendStringInfoSpaces(&content, VARHDRSZ);
	copy_progress_start(table, PROGRESS_COPY_COMMAND_FROM, PROGRESS_COPY_TYPE_PIPE, 0);
	ask_for_data();
	do
		type = read_message(&message);
	while (take_message(&content, type, &message));
	copy_progress_end();

	pfree(message.data);
	SET_VARSIZE(content.data, content.len);
	return (bytea *) content.data;
}

/* ---- the row -------------------------------------------------------------------- */

static void
insert_upload(const char *name, bytea *content)
{
	Oid			types[] = {TEXTOID, BYTEAOID};
	Datum		values[] = {CStringGetTextDatum(name), PointerGetDatum(content)};
	SPIPlanPtr	plan;
	char	   *upload_id;

	SPI_connect();
	/* A generic plan, because any other would hold the content once more. */
	plan = SPI_prepare_cursor("INSERT INTO calpads.upload (name, content) VALUES ($1, $2)"
							  " RETURNING upload_id",
							  lengthof(types), types, CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL || SPI_execute_plan(plan, values, NULL, false, 0) != SPI_OK_INSERT_RETURNING)
		elog(ERROR, "the upload could not be stored");
	upload_id = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	ereport(NOTICE,
			(errmsg("upload %s holds file \"%s\" of %lld bytes", upload_id, name,
					(long long) VARSIZE(content) - VARHDRSZ),
			 errhint("calpads.load_upload(%s, 'SENR') loads it as an ODS extract.", upload_id)));
	SPI_finish();
}

uint64
upload_receive(const CopyStmt *stmt)
{
	Oid			table = find_table(stmt);
	const char *name;
	bytea	   *content;

	copy_check_options(stmt, "name");
	name = file_name(stmt);
	check_source(stmt);
	check_rights(table);
	content = receive_content(table);
	insert_upload(name, content);
	pfree(content);
	return 1;
}
