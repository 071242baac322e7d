/*-------------------------------------------------------------------------
 *
 * sftp.c
 *	  A file from an SFTP server.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "fetched_file.h"
#include "plain_name.h"
#include "transfer.h"

/* What the server says about a file. */
typedef struct RemoteFile
{
	curl_off_t	size;			/* -1 = not said */
	curl_off_t	changed;		/* Unix time; -1 = not said */
} RemoteFile;

/* ---- paths -------------------------------------------------------------- */

static void
append_escaped(StringInfo path, const char *part)
{
	char	   *utf8 = pg_server_to_any(part, strlen(part), PG_UTF8);
	char	   *escaped = curl_easy_escape(NULL, utf8, 0);

	if (escaped == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	appendStringInfoString(path, escaped);
	curl_free(escaped);
}

/*
 * What follows the host in the URL: a directory that does not begin with a
 * slash lies below the one to which the login leads.
 */
static char *
url_path(const TransportServer *server, const char *name)
{
	StringInfoData path;
	bool		from_root = server->directory != NULL && server->directory[0] == '/';
	char	   *parts = pstrdup(server->directory != NULL ? server->directory : "");
	char	   *rest = NULL;

	initStringInfo(&path);
	if (!from_root)
		appendStringInfoString(&path, "~/");
	for (char *part = strtok_r(parts, "/", &rest); part != NULL; part = strtok_r(NULL, "/", &rest))
	{
		append_escaped(&path, part);
		appendStringInfoChar(&path, '/');
	}
	append_escaped(&path, name);
	return path.data;
}

/* ---- errors ------------------------------------------------------------- */

static int
sqlstate_of(const Transfer *transfer, CURLcode code)
{
	switch (code)
	{
		case CURLE_OPERATION_TIMEDOUT:
			/* A server that accepts a connection and then says nothing is none. */
			return transfer->answered ? ERRCODE_IO_ERROR : ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION;
		case CURLE_REMOTE_FILE_NOT_FOUND:
			return ERRCODE_UNDEFINED_FILE;
		case CURLE_LOGIN_DENIED:
			return ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION;
		case CURLE_REMOTE_ACCESS_DENIED:
			return ERRCODE_INSUFFICIENT_PRIVILEGE;
		case CURLE_PEER_FAILED_VERIFICATION:
		case CURLE_FAILED_INIT:
		case CURLE_COULDNT_CONNECT:
		case CURLE_COULDNT_RESOLVE_HOST:
			return ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION;
		default:
			return ERRCODE_IO_ERROR;
	}
}

static const char *
hint_of(CURLcode code)
{
	switch (code)
	{
		case CURLE_PEER_FAILED_VERIFICATION:
			return "Somebody else may be answering. If the server has a new key, ask its owner for the fingerprint and change "
				"host_key_sha256 or the file of known_hosts.";
		case CURLE_LOGIN_DENIED:
			return psprintf("Check the user mapping. A key is best of type ed25519: %s cannot sign with RSA keys as new servers want it.",
							transfer_ssh_version());
		case CURLE_FAILED_INIT:
			return psprintf("%s found no kind of host key that both sides know: keep the RSA lines out of the file of known_hosts, "
							"and let the server have a key of type ecdsa or ed25519.", transfer_ssh_version());
		case CURLE_COULDNT_CONNECT:
			return "Check host and port, and whether a firewall lets this machine through.";
		default:
			return NULL;
	}
}

static void
report_failure(const Transfer *transfer, CURLcode code, const char *name, curl_off_t expected)
{
	const char *hint = hint_of(code);
	const char *server = transfer->server->name;

	if (transfer->too_large)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("file \"%s\" on server \"%s\" is larger than %d bytes", name, server, transfer->server->max_size),
				 errhint("Option max_size of the server is the limit.")));
	if (transfer->out_of_memory)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	if (code == CURLE_REMOTE_FILE_NOT_FOUND)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FILE),
				 errmsg("there is no file \"%s\" on server \"%s\"", name, server)));
	ereport(ERROR,
			(errcode(sqlstate_of(transfer, code)),
			 errmsg("could not fetch file \"%s\" from server \"%s\"", name, server),
			 transfer->size > 0
			 ? errdetail("%s, after %zu of %lld bytes.", transfer_complaint(transfer, code), transfer->size,
						 (long long) expected)
			 : errdetail("%s.", transfer_complaint(transfer, code)),
			 hint != NULL ? errhint("%s", hint) : 0));
}

/* ---- the login ---------------------------------------------------------- */

/* Each is said, or libcurl would try the keys of the server's own user. */
static void
set_login(Transfer *transfer)
{
	const TransportServer *server = transfer->server;

	if (server->private_key_file != NULL)
	{
		transfer_set(transfer, CURLOPT_SSH_AUTH_TYPES, (long) CURLSSH_AUTH_PUBLICKEY);
		transfer_set(transfer, CURLOPT_SSH_PRIVATE_KEYFILE, server->private_key_file);
		if (server->key_passphrase != NULL)
			transfer_set(transfer, CURLOPT_KEYPASSWD, server->key_passphrase);
	}
	else
		transfer_set(transfer, CURLOPT_SSH_AUTH_TYPES, (long) (CURLSSH_AUTH_PASSWORD | CURLSSH_AUTH_KEYBOARD));
}

static void
set_host_check(Transfer *transfer)
{
	const TransportServer *server = transfer->server;

	/* The validator has seen to it; without a check nothing is transferred. */
	if (server->host_key_sha256 == NULL && server->known_hosts == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
				 errmsg("server \"%s\" has no host key to be known by", server->name)));
	if (server->host_key_sha256 != NULL)
		transfer_set(transfer, CURLOPT_SSH_HOST_PUBLIC_KEY_SHA256, server->host_key_sha256);
	if (server->known_hosts != NULL)
		transfer_set(transfer, CURLOPT_SSH_KNOWNHOSTS, server->known_hosts);
}

/* ---- the file ----------------------------------------------------------- */

/* Fails with 58P01 when the file is not there. */
static RemoteFile
stat_file(Transfer *transfer, const char *name)
{
	RemoteFile	file = {-1, -1};
	CURLcode	code;

	transfer_set(transfer, CURLOPT_NOBODY, 1L);
	transfer_set(transfer, CURLOPT_FILETIME, 1L);
	code = transfer_run(transfer);
	if (code != CURLE_OK)
		report_failure(transfer, code, name, -1);
	curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &file.size);
	curl_easy_getinfo(transfer->easy, CURLINFO_FILETIME_T, &file.changed);
	return file;
}

static void
check_unchanged(const Transfer *transfer, const char *name, RemoteFile before, RemoteFile after)
{
	if (before.size != after.size || before.changed != after.changed)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("file \"%s\" on server \"%s\" is still being written", name, transfer->server->name),
				 errdetail("It had %lld bytes, and %lld bytes a moment later.", (long long) before.size,
						   (long long) after.size),
				 errhint("Fetch it later, or let its sender write it under another name and rename it.")));
}

/* The sender says by a file of another name that this one is whole. */
static void
check_done(const TransportServer *server, const char *name)
{
	char	   *done_name = psprintf("%s%s", name, server->done_suffix);
	Transfer   *transfer = transfer_create(server, "sftp", url_path(server, done_name));
	CURLcode	code;

	set_login(transfer);
	set_host_check(transfer);
	transfer_set(transfer, CURLOPT_NOBODY, 1L);
	code = transfer_run(transfer);
	if (code == CURLE_REMOTE_FILE_NOT_FOUND)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("file \"%s\" on server \"%s\" is not complete yet", name, server->name),
				 errdetail("There is no file \"%s\" beside it.", done_name)));
	if (code != CURLE_OK)
		report_failure(transfer, code, done_name, -1);
	transfer_end(transfer);
}

/*
 * Before 8.17 libcurl took nothing from a connection that it used again for a
 * failure, and repeated it as it follows redirects (curl issue 19165).
 */
static bool
is_empty_after_all(const Transfer *transfer, CURLcode code, RemoteFile expected)
{
	return code == CURLE_TOO_MANY_REDIRECTS && expected.size <= 0 && transfer->size == 0;
}

static void
download(Transfer *transfer, const char *name, RemoteFile expected)
{
	CURLcode	code;

	transfer_set(transfer, CURLOPT_NOBODY, 0L);
	code = transfer_run(transfer);
	if (code != CURLE_OK && !is_empty_after_all(transfer, code, expected))
		report_failure(transfer, code, name, expected.size);
	if (expected.size > 0 && (curl_off_t) transfer->size != expected.size)
		ereport(ERROR,
				(errcode(ERRCODE_IO_ERROR),
				 errmsg("could not fetch file \"%s\" from server \"%s\"", name, transfer->server->name),
				 errdetail("%zu of %lld bytes came.", transfer->size, (long long) expected.size)));
}

/*
 * The file as the server has it.  It counts as whole when it stays the same
 * for some seconds, and is still the same after the transfer.
 */
static RemoteFile
fetch(Transfer *transfer, const char *name)
{
	RemoteFile	found = stat_file(transfer, name);

	if (found.size > transfer->server->max_size)
	{
		transfer->too_large = true;
		report_failure(transfer, CURLE_FILESIZE_EXCEEDED, name, found.size);
	}
	if (transfer->server->settle_seconds > 0)
	{
		fetched_file_wait(transfer->server->settle_seconds);
		check_unchanged(transfer, name, found, stat_file(transfer, name));
	}
	download(transfer, name, found);
	check_unchanged(transfer, name, found, stat_file(transfer, name));
	return found;
}

static void
check_name(const char *name)
{
	const char *problem = plain_name_problem(name);

	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("the name of a file to fetch %s", problem),
				 errhint("Give the name alone, as students.csv; its directory belongs to the server's options.")));
}

PG_FUNCTION_INFO_V1(calpads_fetch_from_server);

/*
 * calpads.fetch_from_server(server, file_name) → calpads.fetched_file
 *
 * Errors: 42602 not a name; 58P01 no such file; 55006 still being written;
 * 54000 larger than max_size; 08001 no connection, or an unknown host key;
 * 28000 login refused; 58030 transfer broken off; 57014 cancelled.
 */
Datum
calpads_fetch_from_server(PG_FUNCTION_ARGS)
{
	char	   *server_name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	TransportServer *server;
	Transfer   *transfer;
	RemoteFile	found;
	bytea	   *content;

	check_name(name);
	server = find_transport_server(server_name, SERVER_SFTP);
	if (server->done_suffix != NULL)
		check_done(server, name);
	transfer = transfer_create(server, "sftp", url_path(server, name));
	set_login(transfer);
	set_host_check(transfer);
	copy_progress_start(InvalidOid, PROGRESS_COPY_COMMAND_FROM, PROGRESS_COPY_TYPE_CALLBACK, 0);
	found = fetch(transfer, name);
	copy_progress_end();

	content = palloc(VARHDRSZ + transfer->size);
	SET_VARSIZE(content, VARHDRSZ + transfer->size);
	memcpy(VARDATA(content), transfer->bytes, transfer->size);
	transfer_end(transfer);
	PG_RETURN_DATUM(fetched_file_datum(fcinfo, content, (time_t) found.changed));
}
