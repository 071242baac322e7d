/*-------------------------------------------------------------------------
 *
 * transport_server.c
 *	  Servers of the wrapper calpads_transport: what their options say.
 *
 * No message repeats the value of a user mapping's option.
 *
 *-------------------------------------------------------------------------
 */
#include "transport_server.h"

#include <ctype.h>

#include "access/reloptions.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/syscache.h"

#include "compat.h"

PG_MODULE_MAGIC;

#define WRAPPER_NAME "calpads_transport"
#define SHA256_BASE64_LENGTH 43 /* without the final '=' */

typedef enum OptionKind
{
	OPTION_TEXT,
	OPTION_TYPE,
	OPTION_HOST,
	OPTION_PORT,
	OPTION_SECONDS,
	OPTION_BYTES,
	OPTION_SECURITY,
	OPTION_FINGERPRINT,
	OPTION_PATH,				/* of a file of the server: a superuser's word */
	OPTION_SECRET
} OptionKind;

#define FOR_SFTP 1
#define FOR_SMTP 2

typedef struct KnownOption
{
	const char *name;
	Oid			catalog;
	int			types;			/* of servers that have it */
	OptionKind	kind;
	size_t		offset;			/* of the field in TransportServer */
} KnownOption;

#define FIELD(name) offsetof(TransportServer, name)

static const KnownOption known_options[] = {
	{"type", ForeignServerRelationId, FOR_SFTP | FOR_SMTP, OPTION_TYPE, FIELD(type)},
	{"host", ForeignServerRelationId, FOR_SFTP | FOR_SMTP, OPTION_HOST, FIELD(host)},
	{"port", ForeignServerRelationId, FOR_SFTP | FOR_SMTP, OPTION_PORT, FIELD(port)},
	{"connect_timeout", ForeignServerRelationId, FOR_SFTP | FOR_SMTP, OPTION_SECONDS, FIELD(connect_timeout)},
	{"timeout", ForeignServerRelationId, FOR_SFTP | FOR_SMTP, OPTION_SECONDS, FIELD(timeout)},
	{"stall_timeout", ForeignServerRelationId, FOR_SFTP | FOR_SMTP, OPTION_SECONDS, FIELD(stall_timeout)},
	{"directory", ForeignServerRelationId, FOR_SFTP, OPTION_TEXT, FIELD(directory)},
	{"host_key_sha256", ForeignServerRelationId, FOR_SFTP, OPTION_FINGERPRINT, FIELD(host_key_sha256)},
	{"known_hosts", ForeignServerRelationId, FOR_SFTP, OPTION_PATH, FIELD(known_hosts)},
	{"max_size", ForeignServerRelationId, FOR_SFTP, OPTION_BYTES, FIELD(max_size)},
	{"settle_seconds", ForeignServerRelationId, FOR_SFTP, OPTION_SECONDS, FIELD(settle_seconds)},
	{"done_suffix", ForeignServerRelationId, FOR_SFTP, OPTION_TEXT, FIELD(done_suffix)},
	{"security", ForeignServerRelationId, FOR_SMTP, OPTION_SECURITY, FIELD(security)},
	{"ca_file", ForeignServerRelationId, FOR_SMTP, OPTION_PATH, FIELD(ca_file)},
	{"username", UserMappingRelationId, FOR_SFTP | FOR_SMTP, OPTION_SECRET, FIELD(username)},
	{"password", UserMappingRelationId, FOR_SFTP | FOR_SMTP, OPTION_SECRET, FIELD(password)},
	{"private_key_file", UserMappingRelationId, FOR_SFTP, OPTION_PATH, FIELD(private_key_file)},
	{"key_passphrase", UserMappingRelationId, FOR_SFTP, OPTION_SECRET, FIELD(key_passphrase)},
};

static const KnownOption *
find_option(const char *name, Oid catalog)
{
	for (Size i = 0; i < lengthof(known_options); i++)
	{
		if (known_options[i].catalog == catalog && strcmp(known_options[i].name, name) == 0)
			return &known_options[i];
	}
	return NULL;
}

/* ---- the validator ------------------------------------------------------ */

pg_noreturn static void
refuse_option_name(const char *name, Oid catalog)
{
	StringInfoData names;

	initStringInfo(&names);
	for (Size i = 0; i < lengthof(known_options); i++)
	{
		if (known_options[i].catalog == catalog)
			appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", known_options[i].name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 errmsg("invalid option \"%s\"", name),
			 catalog == ForeignServerRelationId && find_option(name, UserMappingRelationId) != NULL
			 ? errdetail("Everybody may read the options of a server; this one belongs to a user mapping.")
			 : 0,
			 names.len > 0
			 ? errhint("Valid options in this context are: %s.", names.data)
			 : errhint("There are no valid options in this context.")));
}

static void
refuse_value(const char *option, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("invalid value for option \"%s\"", option),
			 errhint("%s", hint)));
}

static bool
is_safe_text(const char *value)
{
	for (; *value != '\0'; value++)
	{
		if ((unsigned char) *value < ' ' || *value == 0x7f)
			return false;
	}
	return true;
}

static bool
consists_of(const char *value, size_t length, const char *others)
{
	for (size_t i = 0; i < length; i++)
	{
		if (!isalnum((unsigned char) value[i]) && strchr(others, value[i]) == NULL)
			return false;
	}
	return length > 0;
}

/* Base64 without the prefix and the final '=': libcurl wants it so. */
static char *
bare_fingerprint(const char *value)
{
	if (strncmp(value, "SHA256:", 7) == 0)
		value += 7;
	return pnstrdup(value, strcspn(value, "="));
}

static bool
is_fingerprint(const char *value)
{
	const char *bare = bare_fingerprint(value);

	return strlen(bare) == SHA256_BASE64_LENGTH && consists_of(bare, strlen(bare), "+/");
}

static bool
parse_number(const char *value, int unit, int lowest, int *number)
{
	const char *hint;

	return parse_int(value, number, unit, &hint) && *number >= lowest;
}

/*
 * What the server's own files say, or whether they are there, is not for
 * everybody to find out, and its keys are not for everybody to use.
 */
static void
check_path(const char *option, const char *value)
{
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to set option \"%s\"", option),
				 errdetail("It names a file of the database server; only a superuser may do that.")));
	if (!is_absolute_path(value))
		refuse_value(option, "Give the whole path of a file of the database server, beginning with \"/\".");
}

static void
check_server_value(const KnownOption *option, const char *value)
{
	int			number;

	switch (option->kind)
	{
		case OPTION_TYPE:
			if (strcmp(value, "sftp") != 0 && strcmp(value, "smtp") != 0)
				refuse_value(option->name, "Valid values are: sftp, smtp.");
			break;
		case OPTION_HOST:
			if (!consists_of(value, strlen(value), "-._:"))
				refuse_value(option->name, "Give a host name or an address.");
			break;
		case OPTION_PORT:
			if (!parse_number(value, 0, 1, &number) || number > 65535)
				refuse_value(option->name, "A port is a number from 1 to 65535.");
			break;
		case OPTION_SECONDS:
			/* Without an end is not offered: such a transfer holds its job for ever. */
			if (!parse_number(value, GUC_UNIT_S, strcmp(option->name, "settle_seconds") == 0 ? 0 : 1, &number) ||
				number > 24 * 60 * 60)
				refuse_value(option->name, "Give a number of seconds, or a text like 5min; at most a day.");
			break;
		case OPTION_BYTES:
			if (!parse_number(value, GUC_UNIT_BYTE, 1, &number) || number > 1000 * 1024 * 1024)
				refuse_value(option->name, "Give a size like 50MB; at most 1000MB.");
			break;
		case OPTION_SECURITY:
			if (strcmp(value, "starttls") != 0 && strcmp(value, "tls") != 0 && strcmp(value, "none") != 0)
				refuse_value(option->name, "Valid values are: starttls, tls, none (on this machine only).");
			break;
		case OPTION_FINGERPRINT:
			if (!is_fingerprint(value))
				refuse_value(option->name, "Give the fingerprint as ssh-keygen -l shows it: SHA256: and 43 characters.");
			break;
		case OPTION_PATH:
			check_path(option->name, value);
			break;
		case OPTION_TEXT:
		case OPTION_SECRET:
			break;
	}
}

static const char *
value_of(List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, name) == 0)
			return defGetString(option);
	}
	return NULL;
}

static void
require_options(bool given, const char *what, const char *hint)
{
	if (!given)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
				 errmsg("%s", what),
				 errhint("%s", hint)));
}

static void
check_server(List *options)
{
	const char *type = value_of(options, "type");
	int			this_type;
	ListCell   *cell;

	require_options(type != NULL && value_of(options, "host") != NULL,
					"options \"type\" and \"host\" are required for a server of calpads_transport",
					"OPTIONS (type 'sftp', host 'sftp.example.org', host_key_sha256 '…'), or type 'smtp'.");
	this_type = type != NULL && strcmp(type, "sftp") == 0 ? FOR_SFTP : FOR_SMTP;
	foreach(cell, options)
	{
		const char *name = lfirst_node(DefElem, cell)->defname;

		if ((find_option(name, ForeignServerRelationId)->types & this_type) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
					 errmsg("option \"%s\" has no meaning for a server of type %s", name, type)));
	}
	/* Without either, libcurl would talk to whoever answers. */
	require_options(this_type == FOR_SMTP || value_of(options, "host_key_sha256") != NULL ||
					value_of(options, "known_hosts") != NULL,
					"an SFTP server needs option \"host_key_sha256\" or \"known_hosts\"",
					"ssh-keyscan HOST | ssh-keygen -lf - shows the fingerprints; take that of ECDSA, or of ED25519 where there is none, "
					"and compare it with what the server's owner says.");
}

static void
check_mapping(List *options)
{
	require_options(value_of(options, "username") != NULL,
					"option \"username\" is required for a user mapping of calpads_transport",
					"OPTIONS (username '…', password '…'), or private_key_file with key_passphrase.");
	require_options((value_of(options, "password") == NULL) != (value_of(options, "private_key_file") == NULL),
					"a user mapping of calpads_transport needs either option \"password\" or option \"private_key_file\"",
					"A private key is a file of the database server; its key_passphrase may stand beside it.");
	require_options(value_of(options, "key_passphrase") == NULL || value_of(options, "private_key_file") != NULL,
					"option \"key_passphrase\" needs option \"private_key_file\"",
					"Give the path of the key that it belongs to.");
}

PG_FUNCTION_INFO_V1(calpads_transport_validator);

/* Checks the options of a server or a user mapping (catalog). */
Datum
calpads_transport_validator(PG_FUNCTION_ARGS)
{
	List	   *options = untransformRelOptions(PG_GETARG_DATUM(0));
	Oid			catalog = PG_GETARG_OID(1);
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);
		const KnownOption *known = find_option(option->defname, catalog);

		if (known == NULL)
			refuse_option_name(option->defname, catalog);
		if (!is_safe_text(defGetString(option)))
			refuse_value(option->defname, "It must not hold line ends or other control characters.");
		check_server_value(known, defGetString(option));
	}
	if (catalog == ForeignServerRelationId)
		check_server(options);
	else if (catalog == UserMappingRelationId)
		check_mapping(options);
	PG_RETURN_VOID();
}

/* ---- reading ------------------------------------------------------------ */

static ServerSecurity
security_of(const char *value)
{
	if (strcmp(value, "tls") == 0)
		return SECURITY_TLS;
	if (strcmp(value, "none") == 0)
		return SECURITY_NONE;
	return SECURITY_STARTTLS;
}

static void
set_option(TransportServer *server, const KnownOption *option, const char *value)
{
	void	   *field = (char *) server + option->offset;

	switch (option->kind)
	{
		case OPTION_TYPE:
			server->type = strcmp(value, "sftp") == 0 ? SERVER_SFTP : SERVER_SMTP;
			break;
		case OPTION_PORT:
			(void) parse_number(value, 0, 1, field);
			break;
		case OPTION_SECONDS:
			(void) parse_number(value, GUC_UNIT_S, 0, field);
			break;
		case OPTION_BYTES:
			(void) parse_number(value, GUC_UNIT_BYTE, 1, field);
			break;
		case OPTION_SECURITY:
			server->security = security_of(value);
			break;
		case OPTION_FINGERPRINT:
			*(const char **) field = bare_fingerprint(value);
			break;
		case OPTION_TEXT:
		case OPTION_HOST:
		case OPTION_PATH:
		case OPTION_SECRET:
			*(const char **) field = value;
			break;
	}
}

static void
set_options(TransportServer *server, List *options, Oid catalog)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);
		const KnownOption *known = find_option(option->defname, catalog);

		if (known != NULL)
			set_option(server, known, defGetString(option));
	}
}

static ForeignServer *
find_foreign_server(const char *name)
{
	ForeignServer *found = GetForeignServerByName(name, true);
	AclResult	allowed;

	if (found == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no server \"%s\"", name),
				 errhint("CREATE SERVER … FOREIGN DATA WRAPPER " WRAPPER_NAME " makes one.")));
	if (strcmp(GetForeignDataWrapper(found->fdwid)->fdwname, WRAPPER_NAME) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("server \"%s\" is not of the wrapper " WRAPPER_NAME, name)));
	allowed = foreign_server_aclcheck(found->serverid, GetUserId(), ACL_USAGE);
	if (allowed != ACLCHECK_OK)
		aclcheck_error(allowed, OBJECT_FOREIGN_SERVER, name);
	return found;
}

static bool
has_mapping(Oid user, Oid server)
{
	return SearchSysCacheExists2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(user), ObjectIdGetDatum(server)) ||
		SearchSysCacheExists2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(InvalidOid), ObjectIdGetDatum(server));
}

/* The port of mail is that of its kind of security. */
static int
usual_port(const TransportServer *server)
{
	if (server->type == SERVER_SFTP)
		return 22;
	return server->security == SECURITY_STARTTLS ? 587 : server->security == SECURITY_TLS ? 465 : 25;
}

TransportServer *
find_transport_server(const char *name, ServerType type)
{
	ForeignServer *found = find_foreign_server(name);
	TransportServer *server = palloc0(sizeof(TransportServer));

	server->name = pstrdup(name);
	server->connect_timeout = 15;
	server->timeout = 600;
	server->stall_timeout = 60;
	server->max_size = 200 * 1024 * 1024;
	server->settle_seconds = 2;
	server->security = SECURITY_STARTTLS;
	set_options(server, found->options, ForeignServerRelationId);
	if (server->type != type)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("server \"%s\" is of type %s, not %s", name, server->type == SERVER_SFTP ? "sftp" : "smtp",
						type == SERVER_SFTP ? "sftp" : "smtp")));
	if (server->port == 0)
		server->port = usual_port(server);

	/* Some mail servers ask for no login; an SFTP server always does. */
	if (has_mapping(GetUserId(), found->serverid))
		set_options(server, GetUserMapping(GetUserId(), found->serverid)->options, UserMappingRelationId);
	else if (type == SERVER_SFTP)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no user mapping for server \"%s\"", name),
				 errhint("CREATE USER MAPPING FOR … SERVER … OPTIONS (username '…', password '…') makes one.")));
	return server;
}
