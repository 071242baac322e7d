/*-------------------------------------------------------------------------
 *
 * transport_missing.c
 *	  What stands in the place of SFTP and SMTP when the extension was built
 *	  without libcurl.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

static void
say_what_is_missing(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("calpads was built without libcurl, so it cannot talk with other servers"),
			 errhint("Install libcurl4-openssl-dev (7.85 or newer) and build the extension again; until then, files can come from a folder of "
					 "the server, and calpads.mail can be sent by another program.")));
}

PG_FUNCTION_INFO_V1(calpads_fetch_from_server);

/* calpads.fetch_from_server(server, file_name) → calpads.fetched_file: 0A000 */
Datum
calpads_fetch_from_server(PG_FUNCTION_ARGS)
{
	say_what_is_missing();
	PG_RETURN_NULL();
}

PG_FUNCTION_INFO_V1(calpads_deliver_mail);

/* calpads.deliver_mail(…) → record: 0A000 */
Datum
calpads_deliver_mail(PG_FUNCTION_ARGS)
{
	say_what_is_missing();
	PG_RETURN_NULL();
}
