/*-------------------------------------------------------------------------
 *
 * mail_header.h
 *	  Texts in the headers of a mail: what may stand there, and how other
 *	  characters than ASCII are written (RFC 2047, RFC 2231).
 *
 * Knows nothing of the server.  Texts are UTF-8.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_MAIL_HEADER_H
#define CALPADS_MAIL_HEADER_H

#include <stdbool.h>
#include <stddef.h>

/*
 * May the text stand in a header, or as an address in an SMTP command?  Not
 * with a control character: a line end would begin another header or command.
 */
extern bool mail_header_is_safe(const char *text);

/* Can the text stand in a header as it is? */
extern bool mail_header_is_plain(const char *text);

/* Bytes that the encoding of a text needs at most, with its end. */
extern size_t mail_header_room(const char *text);

/*
 * Writes an unstructured header's text: as it is when it is plain, else as
 * encoded words of at most 75 characters, in base64, one in a line.
 */
extern void mail_header_encode(const char *text, char *result);

/* Writes the value of an extended parameter: UTF-8''name%20of%20a%20file. */
extern void mail_parameter_encode(const char *text, char *result);

#endif							/* CALPADS_MAIL_HEADER_H */
