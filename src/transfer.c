/*-------------------------------------------------------------------------
 *
 * transfer.c
 *	  One conversation with another server, by libcurl.
 *
 *-------------------------------------------------------------------------
 */
#include "transfer.h"

#include <netdb.h>
#include <stdlib.h>

#include "common/ip.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"

/* How long a cancelled session may wait until that is noticed. */
#define POLL_MILLISECONDS 100

void
_PG_init(void)
{
	if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("could not start libcurl")));
}

const char *
transfer_ssh_version(void)
{
	const char *version = curl_version_info(CURLVERSION_NOW)->libssh_version;

	return version != NULL ? version : "no SSH library";
}

/* ---- what comes ----------------------------------------------------------- */

static bool
make_room(Transfer *transfer, size_t wanted)
{
	size_t		room = Max(transfer->room * 2, 65536);
	char	   *larger;

	if (wanted <= transfer->room)
		return true;
	while (room < wanted)
		room *= 2;
	larger = realloc(transfer->bytes, room);
	transfer->out_of_memory = larger == NULL;
	if (larger == NULL)
		return false;
	transfer->bytes = larger;
	transfer->room = room;
	return true;
}

/* Called by libcurl, which ignores its own size limit for SFTP. */
static size_t
keep_bytes(char *bytes, size_t unit, size_t count, void *context)
{
	Transfer   *transfer = context;

	if (count > (size_t) transfer->server->max_size - transfer->size)
	{
		transfer->too_large = true;
		return 0;
	}
	if (!make_room(transfer, transfer->size + count))
		return 0;
	memcpy(transfer->bytes + transfer->size, bytes, count);
	transfer->size += count;
	return count;
}

/* ---- the end ------------------------------------------------------------ */

/*
 * libcurl takes its leave of an SSH server, and would wait for the answer as
 * long as for any other.  A cancelled session does not.
 */
void
transfer_end(Transfer *transfer)
{
	if (transfer->easy != NULL)
		curl_easy_setopt(transfer->easy, CURLOPT_TIMEOUT_MS, 1L);
	if (transfer->multi != NULL && transfer->easy != NULL)
		curl_multi_remove_handle(transfer->multi, transfer->easy);
	curl_easy_cleanup(transfer->easy);
	if (transfer->multi != NULL)
		curl_multi_cleanup(transfer->multi);
	curl_mime_free(transfer->mime);
	curl_slist_free_all(transfer->addresses);
	curl_slist_free_all(transfer->list);
	curl_slist_free_all(transfer->headers);
	free(transfer->bytes);
	transfer->easy = NULL;
	transfer->multi = NULL;
	transfer->mime = NULL;
	transfer->addresses = transfer->list = transfer->headers = NULL;
	transfer->bytes = NULL;
}

static void
end_with_context(void *transfer)
{
	transfer_end(transfer);
}

/* ---- the beginning ------------------------------------------------------ */

void
transfer_check(const Transfer *transfer, CURLcode code)
{
	if (code != CURLE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_IO_ERROR),
				 errmsg("could not prepare the transfer with server \"%s\"", transfer->server->name),
				 errdetail("libcurl %s: %s.", curl_version_info(CURLVERSION_NOW)->version, curl_easy_strerror(code))));
}

void
transfer_add(struct curl_slist **list, const char *string)
{
	struct curl_slist *longer = curl_slist_append(*list, string);

	if (longer == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	*list = longer;
}

static bool
is_loopback(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return (ntohl(((const struct sockaddr_in *) address)->sin_addr.s_addr) >> 24) == 127;
	if (address->sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *) address)->sin6_addr);
	return false;
}

/* One address in the form of CURLOPT_RESOLVE, or NULL. */
static char *
address_text(const struct addrinfo *found)
{
	char		string[NI_MAXHOST];

	if (getnameinfo(found->ai_addr, found->ai_addrlen, string, sizeof(string), NULL, 0, NI_NUMERICHOST) != 0)
		return NULL;
	return found->ai_family == AF_INET6 ? psprintf("[%s]", string) : pstrdup(string);
}

static struct addrinfo *
look_up(const TransportServer *server)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	int			failure = getaddrinfo(server->host, NULL, &hints, &found);

	CHECK_FOR_INTERRUPTS();
	if (failure != 0)
		ereport(ERROR,
				(errcode(ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
				 errmsg("could not find the host of server \"%s\"", server->name),
				 errdetail("%s.", gai_strerror(failure))));
	return found;
}

/*
 * libcurl would look the name up in a thread of its own, which could then get
 * the signals of the server; and between the check and the use of an address
 * the name could change its meaning.
 */
static char *
resolve(const TransportServer *server)
{
	struct addrinfo *found = look_up(server);
	bool		all_here = true;
	StringInfoData addresses;

	initStringInfo(&addresses);
	appendStringInfo(&addresses, "%s:%d:", server->host, server->port);
	for (struct addrinfo *each = found; each != NULL; each = each->ai_next)
	{
		char	   *string = address_text(each);

		if (string != NULL)
			appendStringInfo(&addresses, "%s%s", addresses.data[addresses.len - 1] == ':' ? "" : ",", string);
		all_here = all_here && is_loopback(each->ai_addr);
	}
	freeaddrinfo(found);
	if (server->type == SERVER_SMTP && server->security == SECURITY_NONE && !all_here)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("mail to server \"%s\" would be sent in clear", server->name),
				 errhint("Option security 'none' is for a mail server on this machine; use starttls or tls.")));
	return addresses.data;
}

static void
set_url(Transfer *transfer, const char *scheme, const char *path)
{
	const TransportServer *server = transfer->server;
	bool		is_ipv6 = strchr(server->host, ':') != NULL;

	transfer_set(transfer, CURLOPT_URL,
				 psprintf("%s://%s%s%s:%d/%s", scheme, is_ipv6 ? "[" : "", server->host, is_ipv6 ? "]" : "",
						  server->port, path));
	transfer_set(transfer, CURLOPT_PROTOCOLS_STR, scheme);
	if (!is_ipv6)
	{
		transfer_add(&transfer->addresses, resolve(server));
		transfer_set(transfer, CURLOPT_RESOLVE, transfer->addresses);
	}
	else
		(void) resolve(server);
}

static void
set_limits(Transfer *transfer)
{
	const TransportServer *server = transfer->server;

	transfer_set(transfer, CURLOPT_CONNECTTIMEOUT_MS, server->connect_timeout * 1000L);
	transfer_set(transfer, CURLOPT_TIMEOUT_MS, server->timeout * 1000L);
	transfer_set(transfer, CURLOPT_LOW_SPEED_LIMIT, 1L);
	transfer_set(transfer, CURLOPT_LOW_SPEED_TIME, (long) server->stall_timeout);
}

/* Nothing of the server's own surroundings may show: no signals, no proxy. */
static void
set_surroundings(Transfer *transfer)
{
	transfer_set(transfer, CURLOPT_NOSIGNAL, 1L);
	transfer_set(transfer, CURLOPT_PROXY, "");
	transfer_set(transfer, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
	transfer_set(transfer, CURLOPT_ERRORBUFFER, transfer->error);
	transfer_set(transfer, CURLOPT_WRITEFUNCTION, keep_bytes);
	transfer_set(transfer, CURLOPT_WRITEDATA, transfer);
	if (transfer->server->username != NULL)
		transfer_set(transfer, CURLOPT_USERNAME, transfer->server->username);
	if (transfer->server->password != NULL)
		transfer_set(transfer, CURLOPT_PASSWORD, transfer->server->password);
}

static void
check_protocol(const char *wanted)
{
	for (const char *const *known = curl_version_info(CURLVERSION_NOW)->protocols; *known != NULL; known++)
	{
		if (strcmp(*known, wanted) == 0)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("the libcurl of this server does not speak %s", wanted),
			 errhint("On Debian, package libcurl4 does.")));
}

Transfer *
transfer_create(const TransportServer *server, const char *scheme, const char *path)
{
	Transfer   *transfer = palloc0(sizeof(Transfer));
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

	check_protocol(scheme);
	transfer->server = server;
	callback->func = end_with_context;
	callback->arg = transfer;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	transfer->easy = curl_easy_init();
	transfer->multi = curl_multi_init();
	if (transfer->easy == NULL || transfer->multi == NULL)
		transfer_check(transfer, CURLE_OUT_OF_MEMORY);
	set_surroundings(transfer);
	set_limits(transfer);
	set_url(transfer, scheme, path);
	return transfer;
}

/* ---- the talk ----------------------------------------------------------- */

static void
check_multi(const Transfer *transfer, CURLMcode code)
{
	if (code != CURLM_OK)
		ereport(ERROR,
				(errcode(ERRCODE_IO_ERROR),
				 errmsg("could not talk with server \"%s\"", transfer->server->name),
				 errdetail("%s.", curl_multi_strerror(code))));
}

/*
 * The loop is ours, so that whatever another session wants of this one is done
 * between two calls of libcurl and not inside of one.
 */
CURLcode
transfer_run(Transfer *transfer)
{
	CURLcode	result = CURLE_OK;
	CURLMsg    *message;
	int			running;
	int			waiting;

	transfer->error[0] = '\0';
	check_multi(transfer, curl_multi_add_handle(transfer->multi, transfer->easy));
	for (;;)
	{
		check_multi(transfer, curl_multi_perform(transfer->multi, &running));
		CHECK_FOR_INTERRUPTS();
		copy_progress_update(transfer->size, 0, 0);
		if (running == 0)
			break;
		check_multi(transfer, curl_multi_poll(transfer->multi, NULL, 0, POLL_MILLISECONDS, NULL));
	}
	while ((message = curl_multi_info_read(transfer->multi, &waiting)) != NULL)
	{
		if (message->msg == CURLMSG_DONE)
			result = message->data.result;
	}
	transfer->answered = transfer->answered || result == CURLE_OK;
	check_multi(transfer, curl_multi_remove_handle(transfer->multi, transfer->easy));
	return result;
}

const char *
transfer_complaint(const Transfer *transfer, CURLcode code)
{
	const TransportServer *server = transfer->server;
	const char *secrets[] = {server->username, server->password, server->key_passphrase, server->private_key_file};
	const char *complaint = transfer->error[0] != '\0' ? transfer->error : curl_easy_strerror(code);

	for (Size i = 0; i < lengthof(secrets); i++)
	{
		if (secrets[i] != NULL && secrets[i][0] != '\0' && strstr(complaint, secrets[i]) != NULL)
			return curl_easy_strerror(code);
	}
	return pg_any_to_server(pstrdup(complaint), strlen(complaint), PG_UTF8);
}
