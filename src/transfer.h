/*-------------------------------------------------------------------------
 *
 * transfer.h
 *	  One conversation with another server, by libcurl.
 *
 * libcurl's callbacks never raise errors and never allocate from the server:
 * they note what happened, and it is said when libcurl has returned.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_TRANSFER_H
#define CALPADS_TRANSFER_H

#include "transport_server.h"

#include <curl/curl.h>

typedef struct Transfer
{
	const TransportServer *server;
	CURL	   *easy;
	CURLM	   *multi;
	struct curl_slist *addresses;	/* what the host's name stands for */
	struct curl_slist *list;	/* recipients */
	struct curl_slist *headers;
	curl_mime  *mime;
	char		error[CURL_ERROR_SIZE];
	bool		answered;		/* has something succeeded yet? */

	/* what was received, up to max_size: malloc'd, because a callback fills it */
	char	   *bytes;
	size_t		size;
	size_t		room;
	bool		too_large;
	bool		out_of_memory;
} Transfer;

/*
 * Looks the host up and prepares a conversation by the options of the server:
 * scheme is sftp, smtp or smtps, path what follows the host in the URL,
 * already percent-encoded.  It ends with the memory context at the latest,
 * also after an error.  Errors: 08001 unknown host, 42501 a host that is not
 * this machine, where everything would be sent in clear.
 */
extern Transfer *transfer_create(const TransportServer *server, const char *scheme, const char *path);

extern void transfer_end(Transfer *transfer);

/* Sets an option, or raises 58030. */
#define transfer_set(transfer, option, value) \
	transfer_check(transfer, curl_easy_setopt((transfer)->easy, option, value))

extern void transfer_check(const Transfer *transfer, CURLcode code);

/* An item more in a list of libcurl. */
extern void transfer_add(struct curl_slist **list, const char *string);

/* Talks until the end.  Can be cancelled at any time. */
extern CURLcode transfer_run(Transfer *transfer);

/*
 * What libcurl says about a failure, and nothing secret: a text of the current
 * memory context.
 */
extern const char *transfer_complaint(const Transfer *transfer, CURLcode code);

/* Version of the library that speaks SSH, as libssh2/1.10.0. */
extern const char *transfer_ssh_version(void);

#endif							/* CALPADS_TRANSFER_H */
