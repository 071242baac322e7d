/*-------------------------------------------------------------------------
 *
 * smtp.c
 *	  A mail to an SMTP server.
 *
 * The message is built by libcurl, which checks nothing: a line end in an
 * address or a subject would become a header or a command of its own.  So all
 * texts are looked at here once more, wherever they come from.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>
#include <stdlib.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "compat.h"
#include "mail_header.h"
#include "transfer.h"

#define LONGEST_REPLY 200

/* What the caller wants to send; texts are UTF-8. */
typedef struct Mail
{
	const char *sender;
	int			recipient_count;
	char	  **recipients;
	const char *subject;
	const char *body;
	const char *date;
	const char *message_id;
	int			attachment_count;
	char	  **names;
	bytea	  **contents;
} Mail;

/* What the server said of each recipient; filled by a callback. */
typedef struct Replies
{
	int			count;
	int			asked;			/* recipients named so far */
	bool		open;			/* the last one is not answered yet */
	int		   *codes;
	char		complaint[LONGEST_REPLY];	/* the first refusal */
} Replies;

/* ---- arguments ---------------------------------------------------------- */

static char *
utf8_of(const char *string)
{
	return pg_server_to_any(string, strlen(string), PG_UTF8);
}

static const char *
text_argument(FunctionCallInfo fcinfo, int number)
{
	return utf8_of(text_to_cstring(PG_GETARG_TEXT_PP(number)));
}

static char **
text_elements(ArrayType *array, int *count)
{
	Datum	   *elements;
	bool	   *nulls;
	char	  **texts;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, count);
	texts = palloc((*count + 1) * sizeof(char *));
	for (int i = 0; i < *count; i++)
		texts[i] = nulls[i] ? "" : utf8_of(TextDatumGetCString(elements[i]));
	return texts;
}

static bytea **
bytea_elements(ArrayType *array, int *count)
{
	Datum	   *elements;
	bool	   *nulls;
	bytea	  **values;

	deconstruct_array(array, BYTEAOID, -1, false, TYPALIGN_INT, &elements, &nulls, count);
	values = palloc((*count + 1) * sizeof(bytea *));
	for (int i = 0; i < *count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("attachment %d has no content", i + 1)));
		values[i] = DatumGetByteaPP(elements[i]);
	}
	return values;
}

static void
refuse_text(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s holds a line end or another control character", what)));
}

static bool
is_address(const char *address)
{
	/* The pointed brackets around it are ours. */
	return mail_header_is_plain(address) && strpbrk(address, "<> ,;") == NULL && strchr(address, '@') != NULL;
}

static void
check_mail(const Mail *mail)
{
	if (!is_address(mail->sender))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the sender of mail is not an address"),
				 errhint("The setting calpads.mail_from names it, as calpads@example.org.")));
	for (int i = 0; i < mail->recipient_count; i++)
	{
		if (!is_address(mail->recipients[i]))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("recipient %d of the mail is not an address", i + 1)));
	}
	if (mail->recipient_count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the mail has no recipients")));
	if (!mail_header_is_safe(mail->subject))
		refuse_text("the subject of the mail");
	if (!mail_header_is_safe(mail->date) || !mail_header_is_safe(mail->message_id))
		refuse_text("a header of the mail");
	for (int i = 0; i < mail->attachment_count; i++)
	{
		if (!mail_header_is_safe(mail->names[i]))
			refuse_text("the name of an attachment");
	}
}

static Mail *
mail_of_arguments(FunctionCallInfo fcinfo)
{
	Mail	   *mail = palloc0(sizeof(Mail));
	int			content_count;

	mail->sender = text_argument(fcinfo, 1);
	mail->recipients = text_elements(PG_GETARG_ARRAYTYPE_P(2), &mail->recipient_count);
	mail->subject = text_argument(fcinfo, 3);
	mail->body = text_argument(fcinfo, 4);
	mail->date = text_argument(fcinfo, 5);
	mail->message_id = text_argument(fcinfo, 6);
	mail->names = text_elements(PG_GETARG_ARRAYTYPE_P(7), &mail->attachment_count);
	mail->contents = bytea_elements(PG_GETARG_ARRAYTYPE_P(8), &content_count);
	if (content_count != mail->attachment_count)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%d attachments have %d names", content_count, mail->attachment_count)));
	check_mail(mail);
	return mail;
}

/* ---- the message -------------------------------------------------------- */

static char *
encoded_header(const char *name, const char *string)
{
	char	   *encoded = palloc(mail_header_room(string));

	mail_header_encode(string, encoded);
	return psprintf("%s: %s", name, encoded);
}

/* One address in a line: many in one would be longer than a line may be. */
static char *
recipients_header(const Mail *mail)
{
	StringInfoData header;

	initStringInfo(&header);
	appendStringInfoString(&header, "To: ");
	for (int i = 0; i < mail->recipient_count; i++)
		appendStringInfo(&header, "%s%s", i > 0 ? ",\r\n " : "", mail->recipients[i]);
	return header.data;
}

static void
set_headers(Transfer *transfer, const Mail *mail)
{
	transfer_add(&transfer->headers, psprintf("From: %s", mail->sender));
	transfer_add(&transfer->headers, recipients_header(mail));
	transfer_add(&transfer->headers, encoded_header("Subject", mail->subject));
	transfer_add(&transfer->headers, psprintf("Date: %s", mail->date));
	transfer_add(&transfer->headers, psprintf("Message-ID: %s", mail->message_id));
	/* No answering machine shall answer to it (RFC 3834). */
	transfer_add(&transfer->headers, "Auto-Submitted: auto-generated");
	transfer_set(transfer, CURLOPT_HTTPHEADER, transfer->headers);
}

/* Lines of a mail end with CR LF, whatever they end with in the table. */
static char *
with_line_ends(const char *body)
{
	StringInfoData lines;

	initStringInfo(&lines);
	for (; *body != '\0'; body++)
	{
		if (*body == '\r' && body[1] == '\n')
			continue;
		if (*body == '\n' || *body == '\r')
			appendStringInfoString(&lines, "\r\n");
		else
			appendStringInfoChar(&lines, *body);
	}
	return lines.data;
}

static curl_mimepart *
add_part(Transfer *transfer, const char *bytes, size_t size, const char *type, const char *encoder)
{
	curl_mimepart *part = curl_mime_addpart(transfer->mime);

	if (part == NULL)
		transfer_check(transfer, CURLE_OUT_OF_MEMORY);
	transfer_check(transfer, curl_mime_data(part, bytes, size));
	transfer_check(transfer, curl_mime_type(part, type));
	transfer_check(transfer, curl_mime_encoder(part, encoder));
	return part;
}

static const char *
type_of_name(const char *name)
{
	size_t		length = strlen(name);

	if (length > 4 && pg_strcasecmp(name + length - 4, ".csv") == 0)
		return "text/csv; charset=utf-8";
	if (length > 4 && pg_strcasecmp(name + length - 4, ".txt") == 0)
		return "text/plain; charset=utf-8";
	return "application/octet-stream";
}

/* libcurl would send other characters than ASCII as they are. */
static void
name_part(Transfer *transfer, curl_mimepart *part, const char *name)
{
	char	   *encoded;
	struct curl_slist *header = NULL;

	if (mail_header_is_plain(name))
	{
		transfer_check(transfer, curl_mime_filename(part, name));
		return;
	}
	encoded = palloc(mail_header_room(name));
	mail_parameter_encode(name, encoded);
	transfer_add(&header, psprintf("Content-Disposition: attachment; filename*=%s", encoded));
	/* The part owns the list from here on. */
	transfer_check(transfer, curl_mime_headers(part, header, 1));
}

static void
set_body(Transfer *transfer, const Mail *mail)
{
	char	   *body = with_line_ends(mail->body);

	transfer->mime = curl_mime_init(transfer->easy);
	if (transfer->mime == NULL)
		transfer_check(transfer, CURLE_OUT_OF_MEMORY);
	(void) add_part(transfer, body, strlen(body), "text/plain; charset=utf-8", "quoted-printable");
	for (int i = 0; i < mail->attachment_count; i++)
		name_part(transfer,
				  add_part(transfer, VARDATA_ANY(mail->contents[i]), VARSIZE_ANY_EXHDR(mail->contents[i]),
						   type_of_name(mail->names[i]), "base64"),
				  mail->names[i]);
	transfer_set(transfer, CURLOPT_MIMEPOST, transfer->mime);
}

static void
set_envelope(Transfer *transfer, const Mail *mail)
{
	transfer_set(transfer, CURLOPT_MAIL_FROM, psprintf("<%s>", mail->sender));
	for (int i = 0; i < mail->recipient_count; i++)
		transfer_add(&transfer->list, psprintf("<%s>", mail->recipients[i]));
	transfer_set(transfer, CURLOPT_MAIL_RCPT, transfer->list);
	/* One bad address shall not keep the others from their mail. */
	transfer_set(transfer, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
}

static void
set_security(Transfer *transfer)
{
	const TransportServer *server = transfer->server;

	transfer_set(transfer, CURLOPT_USE_SSL,
				 (long) (server->security == SECURITY_NONE ? CURLUSESSL_NONE : CURLUSESSL_ALL));
	transfer_set(transfer, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	transfer_set(transfer, CURLOPT_SSL_VERIFYPEER, 1L);
	transfer_set(transfer, CURLOPT_SSL_VERIFYHOST, 2L);
	if (server->ca_file != NULL)
		transfer_set(transfer, CURLOPT_CAINFO, server->ca_file);
}

/* ---- the replies -------------------------------------------------------- */

static void
note_reply(Replies *replies, const char *line, size_t length)
{
	int			code = atoi(line);

	/* A reply of several lines ends with the one without a hyphen. */
	if (!replies->open || length < 4 || !isdigit((unsigned char) line[0]) || line[3] == '-')
		return;
	replies->open = false;
	replies->codes[replies->asked - 1] = code;
	if (code >= 400 && replies->complaint[0] == '\0')
	{
		size_t		kept = Min(length, LONGEST_REPLY - 1);

		while (kept > 0 && isspace((unsigned char) line[kept - 1]))
			kept--;
		for (size_t i = 0; i < kept; i++)
			replies->complaint[i] = line[i] >= ' ' && line[i] < 0x7f ? line[i] : ' ';
		replies->complaint[kept] = '\0';
	}
}

/* Called by libcurl with all that is said; it does not tell who was refused. */
static int
listen_to_server(CURL *easy, curl_infotype type, char *bytes, size_t length, void *context)
{
	static const char command[] = "RCPT TO:";
	Replies    *replies = context;

	if (type == CURLINFO_HEADER_OUT && length > strlen(command) &&
		memcmp(bytes, command, strlen(command)) == 0 && replies->asked < replies->count)
	{
		replies->asked++;
		replies->open = true;
	}
	else if (type == CURLINFO_HEADER_IN)
		note_reply(replies, bytes, length);
	return 0;
}

static Replies *
listen_for_replies(Transfer *transfer, const Mail *mail)
{
	Replies    *replies = palloc0(sizeof(Replies));

	replies->count = mail->recipient_count;
	replies->codes = palloc0(mail->recipient_count * sizeof(int));
	transfer_set(transfer, CURLOPT_VERBOSE, 1L);
	transfer_set(transfer, CURLOPT_DEBUGFUNCTION, listen_to_server);
	transfer_set(transfer, CURLOPT_DEBUGDATA, replies);
	return replies;
}

/* ---- the outcome -------------------------------------------------------- */

/* The recipients whose reply has one of two first digits. */
static ArrayType *
recipients_with(const Mail *mail, const Replies *replies, int hundreds)
{
	Datum	   *found = palloc((mail->recipient_count + 1) * sizeof(Datum));
	int			count = 0;

	for (int i = 0; i < mail->recipient_count; i++)
	{
		if (replies->codes[i] / 100 == hundreds)
			found[count++] = CStringGetTextDatum(mail->recipients[i]);
	}
	return construct_array(found, count, TEXTOID, -1, false, TYPALIGN_INT);
}

static const char *
complaint_of(const Transfer *transfer, const Replies *replies, CURLcode code)
{
	/* Of a refused recipient the server's own words say more. */
	if (replies->complaint[0] != '\0')
		return psprintf("refused by the server: %s", replies->complaint);
	return code == CURLE_OK ? NULL : transfer_complaint(transfer, code);
}

static Datum
outcome(FunctionCallInfo fcinfo, const Transfer *transfer, const Mail *mail, const Replies *replies, CURLcode code)
{
	const char *complaint = complaint_of(transfer, replies, code);
	Datum		values[3];
	bool		nulls[3] = {false, false, complaint == NULL};
	TupleDesc	type;

	if (get_call_result_type(fcinfo, NULL, &type) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "the function gives a row");
	/* Accepted recipients count only when the message was accepted, too. */
	values[0] = PointerGetDatum(code == CURLE_OK ? recipients_with(mail, replies, 2) : construct_empty_array(TEXTOID));
	values[1] = PointerGetDatum(recipients_with(mail, replies, 5));
	values[2] = complaint == NULL ? (Datum) 0 : CStringGetTextDatum(complaint);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(type), values, nulls));
}

PG_FUNCTION_INFO_V1(calpads_deliver_mail);

/*
 * calpads.deliver_mail(server, sender, recipients, subject, body, date,
 * message_id, attachment_names, attachment_contents)
 * → (delivered text[], refused text[], error text)
 *
 * What goes wrong in the talk is the error of the result, not an exception.
 * Errors: 22023 a text that would be a header or command of its own; 55000 no
 * address of a sender; those of find_transport_server; 42501 a mail that would
 * be sent in clear; 57014.
 */
Datum
calpads_deliver_mail(PG_FUNCTION_ARGS)
{
	TransportServer *server = find_transport_server(text_to_cstring(PG_GETARG_TEXT_PP(0)), SERVER_SMTP);
	Mail	   *mail = mail_of_arguments(fcinfo);
	Transfer   *transfer = transfer_create(server, server->security == SECURITY_TLS ? "smtps" : "smtp", "");
	Replies    *replies;
	CURLcode	code;
	Datum		result;

	set_security(transfer);
	set_envelope(transfer, mail);
	set_headers(transfer, mail);
	set_body(transfer, mail);
	replies = listen_for_replies(transfer, mail);
	code = transfer_run(transfer);
	result = outcome(fcinfo, transfer, mail, replies, code);
	transfer_end(transfer);
	PG_RETURN_DATUM(result);
}
