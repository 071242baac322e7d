/*-------------------------------------------------------------------------
 *
 * transport_server.h
 *	  Servers of the wrapper calpads_transport: what their options say.
 *
 * Hosts are foreign servers, whose options everybody may read; secrets are in
 * user mappings (spec/transport.md section 5).
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_TRANSPORT_SERVER_H
#define CALPADS_TRANSPORT_SERVER_H

#include "postgres.h"

typedef enum ServerType
{
	SERVER_SFTP,
	SERVER_SMTP
} ServerType;

typedef enum ServerSecurity
{
	SECURITY_STARTTLS,
	SECURITY_TLS,
	SECURITY_NONE				/* only on this machine */
} ServerSecurity;

typedef struct TransportServer
{
	const char *name;
	ServerType	type;
	const char *host;
	int			port;
	int			connect_timeout;	/* seconds, as the next two */
	int			timeout;		/* of a transfer */
	int			stall_timeout;	/* without a byte */

	/* SFTP */
	const char *directory;		/* NULL = where the login leads to */
	const char *host_key_sha256;	/* base64 without prefix; NULL = none */
	const char *known_hosts;	/* path; NULL = none */
	int			max_size;		/* bytes of a file */
	int			settle_seconds;
	const char *done_suffix;	/* NULL = none */

	/* SMTP */
	ServerSecurity security;
	const char *ca_file;		/* path; NULL = the system's */

	/* of the user mapping; NULL = not said */
	const char *username;
	const char *password;
	const char *private_key_file;
	const char *key_passphrase;
} TransportServer;

/*
 * The server of that name, as the current user may use it: with USAGE on it,
 * and with the user's mapping or that for PUBLIC.  Errors: 42704 no such
 * server or, for SFTP, mapping; 42809 a server of another kind; 42501.
 */
extern TransportServer *find_transport_server(const char *name, ServerType type);

#endif							/* CALPADS_TRANSPORT_SERVER_H */
