/*-------------------------------------------------------------------------
 *
 * mail_header.c
 *	  Texts in the headers of a mail.
 *
 *-------------------------------------------------------------------------
 */
#include "mail_header.h"

#include <stdio.h>
#include <string.h>

/* An encoded word has at most 75 characters, 12 of which are its frame. */
#define WORD_BYTES 45
#define WORD_START "=?UTF-8?B?"
#define WORD_END "?="
#define WORD_FRAME (sizeof(WORD_START WORD_END "\r\n ") - 1)

bool
mail_header_is_safe(const char *text)
{
	for (; *text != '\0'; text++)
	{
		if ((unsigned char) *text < ' ' || *text == 0x7f)
			return false;
	}
	return true;
}

bool
mail_header_is_plain(const char *text)
{
	/* What looks like an encoded word would be decoded. */
	if (strstr(text, "=?") != NULL)
		return false;
	for (; *text != '\0'; text++)
	{
		if ((unsigned char) *text < ' ' || (unsigned char) *text >= 0x7f)
			return false;
	}
	return true;
}

size_t
mail_header_room(const char *text)
{
	size_t		length = strlen(text);
	size_t		as_words = length / 3 * 4 + 4 + (length / (WORD_BYTES - 3) + 1) * (WORD_FRAME + 4);
	size_t		as_parameter = strlen("UTF-8''") + length * 3;

	return (as_words > as_parameter ? as_words : as_parameter) + 1;
}

static char *
write_base64(const unsigned char *bytes, size_t length, char *result)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < length; i += 3)
	{
		unsigned int group = (unsigned int) bytes[i] << 16;

		if (i + 1 < length)
			group |= (unsigned int) bytes[i + 1] << 8;
		if (i + 2 < length)
			group |= bytes[i + 2];
		*result++ = digits[group >> 18 & 63];
		*result++ = digits[group >> 12 & 63];
		*result++ = i + 1 < length ? digits[group >> 6 & 63] : '=';
		*result++ = i + 2 < length ? digits[group & 63] : '=';
	}
	return result;
}

/*
 * How many bytes of the text make one word: no character may be cut.  What has
 * more than three continuation bytes is no UTF-8, and is cut anywhere.
 */
static size_t
word_length(const char *text)
{
	size_t		length = strlen(text);

	if (length <= WORD_BYTES)
		return length;
	length = WORD_BYTES;
	while (length > WORD_BYTES - 3 && ((unsigned char) text[length] & 0xc0) == 0x80)
		length--;
	return length;
}

void
mail_header_encode(const char *text, char *result)
{
	if (mail_header_is_plain(text))
	{
		memcpy(result, text, strlen(text) + 1);
		return;
	}
	for (;;)
	{
		size_t		length = word_length(text);

		result = stpcpy(result, WORD_START);
		result = write_base64((const unsigned char *) text, length, result);
		result = stpcpy(result, WORD_END);
		text += length;
		if (*text == '\0')
			return;
		result = stpcpy(result, "\r\n ");
	}
}

void
mail_parameter_encode(const char *text, char *result)
{
	static const char unchanged[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	result = stpcpy(result, "UTF-8''");
	for (; *text != '\0'; text++)
	{
		if (strchr(unchanged, *text) != NULL)
			*result++ = *text;
		else
			result += sprintf(result, "%%%02X", (unsigned char) *text);
	}
	*result = '\0';
}
