/*
 * Any bytes as the subject of a mail, the name of an attachment, and the name of
 * a file that comes from elsewhere.
 *
 * What must be true: nothing that is written begins a line of its own but the
 * folding of encoded words; lines are as short as RFC 2047 wants them; what was
 * encoded can be decoded to what it was; and a name that has no problem stays
 * inside its folder.
 */
#include <string.h>

#include "fuzz.h"
#include "mail_header.h"
#include "plain_name.h"

#define MAX_TEXT 1024

/* ---- decoding, as a mail program would -------------------------------------- */

static int
base64_value(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *found = c != '\0' ? strchr(digits, c) : NULL;

	MUST(found != NULL);
	return (int) (found - digits);
}

static size_t
decode_base64(const char *text, size_t length, char *result)
{
	size_t		size = 0;

	MUST(length % 4 == 0);
	for (size_t at = 0; at < length; at += 4)
	{
		unsigned int bits = 0;
		int			pad = (text[at + 2] == '=') + (text[at + 3] == '=');

		for (int i = 0; i < 4; i++)
			bits = bits << 6 | (unsigned int) (i < 4 - pad ? base64_value(text[at + (size_t) i]) : 0);
		for (int i = 0; i < 3 - pad; i++)
			result[size++] = (char) (bits >> (16 - 8 * i));
	}
	return size;
}

/* Encoded words, each in a line that begins with a blank, but the first. */
static size_t
decode_words(const char *encoded, char *result)
{
	static const char begin[] = "=?UTF-8?B?";
	size_t		size = 0;

	while (*encoded != '\0')
	{
		const char *end;

		MUST(strncmp(encoded, begin, sizeof(begin) - 1) == 0);
		end = strstr(encoded + sizeof(begin) - 1, "?=");
		MUST(end != NULL && end + 2 - encoded <= 75);
		encoded += sizeof(begin) - 1;
		size += decode_base64(encoded, (size_t) (end - encoded), result + size);
		encoded = end + 2;
		if (*encoded == '\0')
			break;
		MUST(strncmp(encoded, "\r\n ", 3) == 0);
		encoded += 3;
	}
	return size;
}

static void
check_header(const char *text)
{
	char	   *encoded = malloc(mail_header_room(text));
	char		decoded[4 * MAX_TEXT];

	mail_header_encode(text, encoded);
	MUST(strlen(encoded) < mail_header_room(text));
	if (mail_header_is_plain(text))
		MUST(strcmp(encoded, text) == 0 && strpbrk(text, "\r\n") == NULL);
	else
	{
		size_t		size = decode_words(encoded, decoded);

		MUST(size == strlen(text) && memcmp(decoded, text, size) == 0);
	}
	free(encoded);
}

static void
check_parameter(const char *text)
{
	char	   *encoded = malloc(mail_header_room(text));

	mail_parameter_encode(text, encoded);
	MUST(strlen(encoded) < mail_header_room(text));
	MUST(strncmp(encoded, "UTF-8''", 7) == 0);
	for (const char *at = encoded; *at != '\0'; at++)
		MUST(*at > ' ' && *at < 0x7f && strchr("\"();,\\<>@", *at) == NULL);
	free(encoded);
}

static void
check_file_name(const char *text)
{
	if (plain_name_problem(text) != NULL)
		return;
	MUST(text[0] != '\0' && strcmp(text, ".") != 0 && strcmp(text, "..") != 0);
	MUST(strpbrk(text, "/\\\r\n") == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char		text[MAX_TEXT + 1];

	if (size > MAX_TEXT)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	if (mail_header_is_safe(text))
	{
		MUST(strpbrk(text, "\r\n") == NULL);
		check_header(text);
	}
	check_parameter(text);
	check_file_name(text);
	return 0;
}
