/*-------------------------------------------------------------------------
 *
 * record.c
 *	  A line into fields, where quotes are ordinary characters; and the
 *	  encodings that lines come in.
 *
 * The splitter looks at 64 bytes at a time and turns them into bit masks, one
 * bit for each byte: separators, and control characters, among which are the
 * line end and what no line may contain.  Then it goes from bit to bit, not
 * from byte to byte.  This is where a load's time goes first; a splitter that
 * searches for each separator anew takes three times as long.
 *
 *-------------------------------------------------------------------------
 */
#include "record.h"

#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define BLOCK 64

#define LAST_CONTROL 0x1F
#define DEL 0x7F

#define REPLACEMENT_CHARACTER 0xFFFD

typedef struct BlockBits
{
	uint64_t	separators;
	uint64_t	controls;		/* of ASCII, but no separators */
	bool		maybe_not_ascii;
} BlockBits;

/* ---- splitting ---------------------------------------------------------- */

#ifdef __SSE2__

static inline BlockBits
scan_block(const char *block, char separator)
{
	const __m128i wanted = _mm_set1_epi8(separator);
	const __m128i last_control = _mm_set1_epi8(LAST_CONTROL);
	const __m128i del = _mm_set1_epi8(DEL);
	__m128i		all = _mm_setzero_si128();
	BlockBits	bits = {0, 0, false};

	for (size_t part = 0; part < BLOCK / 16; part++)
	{
		__m128i		bytes = _mm_loadu_si128((const __m128i *) (block + 16 * part));
		__m128i		is_separator = _mm_cmpeq_epi8(bytes, wanted);
		__m128i		is_control = _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes),
											  _mm_cmpeq_epi8(bytes, del));

		bits.separators |= (uint64_t) _mm_movemask_epi8(is_separator) << (16 * part);
		bits.controls |= (uint64_t) _mm_movemask_epi8(is_control) << (16 * part);
		all = _mm_or_si128(all, bytes);
	}
	bits.controls &= ~bits.separators;
	bits.maybe_not_ascii = _mm_movemask_epi8(all) != 0;
	return bits;
}

#else

static inline BlockBits
scan_block(const char *block, char separator)
{
	unsigned char all = 0;
	BlockBits	bits = {0, 0, false};

	for (int at = 0; at < BLOCK; at++)
	{
		unsigned char byte = (unsigned char) block[at];

		bits.separators |= (uint64_t) (block[at] == separator) << at;
		bits.controls |= (uint64_t) (byte <= LAST_CONTROL || byte == DEL) << at;
		all |= byte;
	}
	bits.controls &= ~bits.separators;
	bits.maybe_not_ascii = all >= 0x80;
	return bits;
}

#endif

/*
 * The first control character of the block that ends the line or the work, or
 * NULL; sets *has_control when there is one before that belongs to neither.
 * The byte behind a carriage return can always be read: at worst it is the
 * sentinel, and then nothing is known about the return.
 */
static const char *
find_stop(const char *block, uint64_t controls, LineStatus *status, bool *has_control)
{
	for (; controls != 0; controls &= controls - 1)
	{
		const char *at = block + __builtin_ctzll(controls);

		if (*at == '\r' && at[1] == '\n')
			continue;
		if (*at == '\n')
			*status = LINE_ENDED;
		else if (*at == '\r')
			*status = LINE_LONE_CR;
		else if (*at == '\0')
			*status = LINE_NUL_BYTE;
		else
		{
			*has_control = true;
			continue;
		}
		return at;
	}
	return NULL;
}

LineStatus
record_split(const char *start, const char *end, char separator,
			 Line *line, FieldText fields[LAYOUT_MAX_FIELDS])
{
	const char *field = start;
	const char *stop = NULL;
	int			count = 0;
	LineStatus	status = LINE_ENDED;

	line->maybe_not_ascii = false;
	line->has_control = false;
	for (const char *block = start; stop == NULL; block += BLOCK)
	{
		BlockBits	bits = scan_block(block, separator);

		if (bits.controls != 0)
		{
			stop = find_stop(block, bits.controls, &status, &line->has_control);
			if (stop != NULL)
				bits.separators &= (UINT64_C(1) << (stop - block)) - 1;
		}
		line->maybe_not_ascii |= bits.maybe_not_ascii;

		for (; bits.separators != 0; bits.separators &= bits.separators - 1)
		{
			const char *at = block + __builtin_ctzll(bits.separators);

			if (count < LAYOUT_MAX_FIELDS)
				fields[count] = (FieldText) {field, (size_t) (at - field)};
			count++;
			field = at + 1;
		}
	}

	if (stop == end)
		status = LINE_OPEN;
	line->length = (size_t) (stop - start);
	line->size = line->length + (status == LINE_ENDED);
	if (status == LINE_ENDED && stop > start && stop[-1] == '\r')
	{
		stop--;
		line->length--;
	}
	if (count < LAYOUT_MAX_FIELDS)
		fields[count] = (FieldText) {field, (size_t) (stop - field)};
	line->field_count = count + 1;
	return status;
}

/* ---- UTF-8 -------------------------------------------------------------- */

static inline bool
continues(unsigned char byte)
{
	return (byte & 0xC0) == 0x80;
}

/*
 * Length of the character at the front, 0 when it is none.  The limits of the
 * second byte keep out overlong forms, surrogates and what lies beyond
 * U+10FFFF (Unicode standard, table 3-7).
 */
static size_t
utf8_length(const unsigned char *at, size_t left)
{
	unsigned char first = at[0];

	if (first < 0x80)
		return 1;
	if (first < 0xC2 || first > 0xF4 || left < 2 || !continues(at[1]))
		return 0;
	if (first < 0xE0)
		return 2;
	if ((first == 0xE0 && at[1] < 0xA0) || (first == 0xED && at[1] > 0x9F) ||
		(first == 0xF0 && at[1] < 0x90) || (first == 0xF4 && at[1] > 0x8F) ||
		left < 3 || !continues(at[2]))
		return 0;
	if (first < 0xF0)
		return 3;
	return left >= 4 && continues(at[3]) ? 4 : 0;
}

static inline bool
eight_are_ascii(const unsigned char *at)
{
	uint64_t	bytes;

	memcpy(&bytes, at, sizeof(bytes));
	return (bytes & UINT64_C(0x8080808080808080)) == 0;
}

bool
record_is_utf8(FieldText line)
{
	const unsigned char *at = (const unsigned char *) line.data;
	size_t		left = line.length;

	while (left > 0)
	{
		size_t		length = left >= 8 && eight_are_ascii(at) ? 8 : utf8_length(at, left);

		if (length == 0)
			return false;
		at += length;
		left -= length;
	}
	return true;
}

/* Characters of up to three bytes; returns what follows them. */
static char *
put_character(char *text, unsigned character)
{
	if (character < 0x80)
		*text++ = (char) character;
	else if (character < 0x800)
	{
		*text++ = (char) (0xC0 | character >> 6);
		*text++ = (char) (0x80 | (character & 0x3F));
	}
	else
	{
		*text++ = (char) (0xE0 | character >> 12);
		*text++ = (char) (0x80 | (character >> 6 & 0x3F));
		*text++ = (char) (0x80 | (character & 0x3F));
	}
	return text;
}

size_t
record_repair_utf8(FieldText line, char *text)
{
	const unsigned char *at = (const unsigned char *) line.data;
	size_t		left = line.length;
	char	   *next = text;

	while (left > 0)
	{
		size_t		length = utf8_length(at, left);

		if (length == 0)
		{
			next = put_character(next, REPLACEMENT_CHARACTER);
			length = 1;
		}
		else
		{
			memcpy(next, at, length);
			next += length;
		}
		at += length;
		left -= length;
	}
	return (size_t) (next - text);
}

/* ---- Windows-1252 ------------------------------------------------------- */

/*
 * Where Windows-1252 differs from Latin-1: bytes 0x80 to 0x9F.  Five of them
 * are not defined (unicode.org, MAPPINGS/VENDORS/MICSFT/WINDOWS/CP1252.TXT).
 */
static const unsigned short windows_1252_characters[32] = {
	0x20AC, 0, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
	0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017D, 0,
	0, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
	0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0, 0x017E, 0x0178
};

size_t
record_from_windows_1252(FieldText line, char *text, bool *complete)
{
	char	   *next = text;

	*complete = true;
	for (size_t at = 0; at < line.length; at++)
	{
		unsigned	character = (unsigned char) line.data[at];

		if (character >= 0x80 && character < 0xA0)
		{
			character = windows_1252_characters[character - 0x80];
			if (character == 0)
			{
				character = REPLACEMENT_CHARACTER;
				*complete = false;
			}
		}
		next = put_character(next, character);
	}
	return (size_t) (next - text);
}
