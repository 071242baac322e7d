/* A line into fields; UTF-8 and Windows-1252. */
#include <stdlib.h>

#include "record.h"
#include "unit.h"

/* A line with what must stand behind it, in memory of exactly that size. */
typedef struct Text
{
	char	   *memory;
	const char *end;
} Text;

static Text
make_text(const char *bytes, size_t size)
{
	Text		text = {malloc(size + RECORD_PADDING), NULL};

	memset(text.memory, '^', size + RECORD_PADDING);
	memcpy(text.memory, bytes, size);
	text.memory[size] = '\n';
	text.end = text.memory + size;
	return text;
}

static void
check_fields(const char *wanted, const FieldText *fields, int count, const char *file, int line)
{
	char		joined[4096] = "";
	size_t		length = 0;

	for (int field = 0; field < count; field++)
		length += (size_t) snprintf(joined + length, sizeof(joined) - length, "%s%.*s",
									field > 0 ? "|" : "", (int) fields[field].length,
									fields[field].data);
	unit_check_text(wanted, text_of(joined), file, line, "fields");
}

static void
check_split(const char *bytes, size_t size, char separator, LineStatus status, size_t length,
			size_t line_size, const char *fields, int check_line)
{
	Text		text = make_text(bytes, size);
	Line		line;
	FieldText	found[LAYOUT_MAX_FIELDS];

	unit_check_int(status, record_split(text.memory, text.end, separator, &line, found),
				   __FILE__, check_line, "status");
	if (status == LINE_ENDED || status == LINE_OPEN)
	{
		unit_check_int((int64_t) length, (int64_t) line.length, __FILE__, check_line, "length");
		unit_check_int((int64_t) line_size, (int64_t) line.size, __FILE__, check_line, "size");
		check_fields(fields, found, line.field_count, __FILE__, check_line);
	}
	free(text.memory);
}

#define CHECK_SPLIT(bytes, separator, status, length, size, fields) \
	check_split(bytes, sizeof(bytes) - 1, separator, status, length, size, fields, __LINE__)

static void
splits_at_separators_and_ends_at_line_ends(void)
{
	CHECK_SPLIT("a^b^c\r\nnext", '^', LINE_ENDED, 5, 7, "a|b|c");
	CHECK_SPLIT("a^b^c\nnext^", '^', LINE_ENDED, 5, 6, "a|b|c");
	CHECK_SPLIT("\n", '^', LINE_ENDED, 0, 1, "");
	CHECK_SPLIT("\r\n", '^', LINE_ENDED, 0, 2, "");
	CHECK_SPLIT("^\n", '^', LINE_ENDED, 1, 2, "|");
	CHECK_SPLIT("^^^\r\n", '^', LINE_ENDED, 3, 5, "|||");
	CHECK_SPLIT("a\tb^\t\n", '\t', LINE_ENDED, 5, 6, "a|b^|");
	CHECK_SPLIT("a\tb^c\n", '^', LINE_ENDED, 5, 6, "a\tb|c");
}

static void
quotes_are_ordinary_characters(void)
{
	CHECK_SPLIT("\"a^b\"^\"\"^c\"d\n", '^', LINE_ENDED, 12, 13, "\"a|b\"|\"\"|c\"d");
	CHECK_SPLIT("\"a^b\nc\n", '^', LINE_ENDED, 4, 5, "\"a|b");
}

static void
an_open_line_is_known_as_such(void)
{
	CHECK_SPLIT("", '^', LINE_OPEN, 0, 0, "");
	CHECK_SPLIT("a^b", '^', LINE_OPEN, 3, 3, "a|b");
	CHECK_SPLIT("a^b\r", '^', LINE_OPEN, 4, 4, "a|b\r");
	CHECK_SPLIT("a^", '^', LINE_OPEN, 2, 2, "a|");
}

static void
what_no_line_may_have_is_found(void)
{
	CHECK_SPLIT("a^b\rc\n", '^', LINE_LONE_CR, 0, 0, NULL);
	CHECK_SPLIT("a^b\r\r\n", '^', LINE_LONE_CR, 0, 0, NULL);
	CHECK_SPLIT("\ra\n", '^', LINE_LONE_CR, 0, 0, NULL);
	CHECK_SPLIT("a^\0b\n", '^', LINE_NUL_BYTE, 0, 0, NULL);
	CHECK_SPLIT("\0", '^', LINE_NUL_BYTE, 0, 0, NULL);
	CHECK_SPLIT("a\r\0\n", '^', LINE_LONE_CR, 0, 0, NULL);
	/* Behind the line's end is another line. */
	CHECK_SPLIT("a\n\0\r\r", '^', LINE_ENDED, 1, 2, "a");
	/* Other control characters are the concern of their field. */
	CHECK_SPLIT("a\x01\x0B\x0C\x0E^b\n", '^', LINE_ENDED, 7, 8, "a\x01\x0B\x0C\x0E|b");
}

static void
fields_beyond_the_greatest_number_are_counted(void)
{
	char		bytes[1000];
	Text		text;
	Line		line;
	FieldText	fields[LAYOUT_MAX_FIELDS + 1];

	memset(bytes, '^', sizeof(bytes));
	for (size_t carets = LAYOUT_MAX_FIELDS - 2; carets < 300; carets++)
	{
		text = make_text(bytes, carets);
		fields[LAYOUT_MAX_FIELDS].data = "untouched";
		CHECK_INT(LINE_OPEN, record_split(text.memory, text.end, '^', &line, fields));
		CHECK_INT((int) carets + 1, line.field_count);
		CHECK_TEXT("untouched", text_of(fields[LAYOUT_MAX_FIELDS].data));
		free(text.memory);
	}
}

/* The same, byte by byte. */
static LineStatus
split_slowly(const char *bytes, size_t size, char separator, Line *line, FieldText *fields)
{
	size_t		field = 0;

	*line = (Line) {.field_count = 0};
	for (size_t at = 0;; at++)
	{
		bool		ended = at == size || bytes[at] == '\n';
		bool		cr_before = at > 0 && bytes[at - 1] == '\r';

		if (at < size && bytes[at] == '\0')
			return LINE_NUL_BYTE;
		if (at < size && bytes[at] == '\r' && at + 1 < size && bytes[at + 1] != '\n')
			return LINE_LONE_CR;
		if (ended || bytes[at] == separator)
		{
			size_t		end = ended && at < size && cr_before ? at - 1 : at;

			fields[line->field_count++] = (FieldText) {bytes + field, end - field};
			field = at + 1;
			line->length = end;
		}
		if (ended)
		{
			line->size = at < size ? at + 1 : at;
			return at < size ? LINE_ENDED : LINE_OPEN;
		}
	}
}

static bool
has_control(const FieldText *fields, int count)
{
	for (int field = 0; field < count; field++)
	{
		for (size_t at = 0; at < fields[field].length; at++)
		{
			if ((unsigned char) fields[field].data[at] < ' ' || fields[field].data[at] == '\x7F')
				return true;
		}
	}
	return false;
}

static void
compare_with_slow_splitter(const char *bytes, size_t size, char separator)
{
	Text		text = make_text(bytes, size);
	Line		wanted_line;
	Line		line;
	FieldText	wanted[LAYOUT_MAX_FIELDS * 4];
	FieldText	fields[LAYOUT_MAX_FIELDS];
	LineStatus	status = split_slowly(text.memory, size, separator, &wanted_line, wanted);

	CHECK_INT(status, record_split(text.memory, text.end, separator, &line, fields));
	if (status == LINE_ENDED || status == LINE_OPEN)
	{
		CHECK_INT((int64_t) wanted_line.length, (int64_t) line.length);
		CHECK_INT((int64_t) wanted_line.size, (int64_t) line.size);
		CHECK_INT(wanted_line.field_count, line.field_count);
		/* Of the carriage return at an open line's end nothing is known yet. */
		if (status == LINE_ENDED)
			CHECK_INT(has_control(wanted, wanted_line.field_count), line.has_control);
		for (int field = 0; field < line.field_count && field < LAYOUT_MAX_FIELDS; field++)
			CHECK(fields[field].data == wanted[field].data &&
				  fields[field].length == wanted[field].length);
	}
	free(text.memory);
}

/* Lines of every length around the sizes of blocks, with everything in them. */
static void
agrees_with_a_slow_splitter(void)
{
	static const char alphabet[] = "abcdefghijkl^^^^^^^^\t\t \"\xC3\xA9\x01";
	static const char ends[][3] = {"\n", "\r\n", "\r", "", "\0"};
	uint32_t	random = 20240815;

	for (size_t length = 0; length < 400; length++)
	{
		char		bytes[512];

		for (int round = 0; round < 20; round++)
		{
			for (size_t at = 0; at < length; at++)
			{
				random = random * 1664525 + 1013904223;
				bytes[at] = alphabet[(random >> 16) % (sizeof(alphabet) - 1)];
			}
			for (size_t end = 0; end < sizeof(ends) / sizeof(ends[0]); end++)
			{
				size_t		end_size = end == 4 ? 1 : strlen(ends[end]);
				size_t		behind = end == 3 ? 0 : (size_t) round;

				memcpy(bytes + length, ends[end], end_size);
				memset(bytes + length + end_size, '^', behind);
				compare_with_slow_splitter(bytes, length + end_size + behind, '^');
				compare_with_slow_splitter(bytes, length + end_size + behind, '\t');
			}
		}
	}
}

static void
ascii_is_told_from_the_rest(void)
{
	for (size_t at = 0; at < 200; at++)
	{
		char		bytes[256];
		Text		text;
		Line		line;
		FieldText	fields[LAYOUT_MAX_FIELDS];

		memset(bytes, 'x', sizeof(bytes));
		text = make_text(bytes, 200);
		record_split(text.memory, text.end, '^', &line, fields);
		CHECK(!line.maybe_not_ascii);
		text.memory[at] = '\xE9';
		record_split(text.memory, text.end, '^', &line, fields);
		CHECK(line.maybe_not_ascii);
		free(text.memory);
	}
}

/* Every byte, in every place of a block, and behind the line's end. */
static void
control_characters_are_told_from_the_rest(void)
{
	for (int byte = 1; byte < 256; byte++)
	{
		bool		control = (byte < ' ' && byte != '\n' && byte != '\r') || byte == 0x7F;

		for (size_t at = 0; at < 140; at++)
		{
			char		bytes[200];
			Text		text;
			Line		line;
			FieldText	fields[LAYOUT_MAX_FIELDS];

			memset(bytes, 'x', sizeof(bytes));
			memcpy(bytes + 130, "\r\n", 2);
			bytes[at] = (char) byte;
			text = make_text(bytes, sizeof(bytes));
			if (record_split(text.memory, text.end, '^', &line, fields) == LINE_ENDED)
				CHECK_INT(control && at < line.length, line.has_control);
			if (record_split(text.memory, text.end, '\t', &line, fields) == LINE_ENDED)
				CHECK_INT(control && byte != '\t' && at < line.length, line.has_control);
			free(text.memory);
		}
	}
}

static bool
is_utf8(const char *string)
{
	size_t		length = strlen(string);
	char	   *copy = malloc(length + (length == 0));
	bool		answer;

	memcpy(copy, string, length);
	answer = record_is_utf8((FieldText) {copy, length});
	free(copy);
	return answer;
}

static void
well_formed_utf8(void)
{
	static const char *const good[] = {
		"", "a", "abcdefgh", "abcdefghi", "Mu\xC3\xB1oz", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80",
		"\xED\x9F\xBF", "\xEE\x80\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF",
		"abcdefg\xE2\x82\xACstuvwxyz",
	};
	static const char *const bad[] = {
		"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC3", "\xC3(", "\xE0\x80\x80", "\xE0\x9F\xBF",
		"\xE2\x82", "\xE2\x82(", "\xE2(\xAC", "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x80\x80\x80",
		"\xF0\x8F\xBF\xBF", "\xF0\x9F\x98", "\xF0\x9F\x98(", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
		"\xFF", "abcdefgh\xE9", "abcdefg\xE9stuvwxyz", "Jos\xE9 Mu\xF1oz",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(is_utf8(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!is_utf8(bad[i]));
}

/* Every character there is, as UTF-8 has it. */
static void
every_character_is_utf8(void)
{
	for (uint32_t character = 1; character <= 0x10FFFF; character++)
	{
		unsigned char bytes[4];
		size_t		length = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
		bool		surrogate = character >= 0xD800 && character <= 0xDFFF;

		for (size_t at = length - 1; at > 0; at--)
			bytes[at] = (unsigned char) (0x80 | ((character >> 6 * (length - 1 - at)) & 0x3F));
		bytes[0] = (unsigned char) (character >> 6 * (length - 1));
		bytes[0] |= (unsigned char) (length == 1 ? 0 : 0xF00 >> length);
		CHECK(record_is_utf8((FieldText) {(const char *) bytes, length}) == !surrogate);
	}
}

static void
windows_1252_becomes_utf8(void)
{
	char		text[64];
	bool		complete;
	FieldText	line = text_of("Jos\xE9 Mu\xF1oz\x92s \x80\x8A\x9F\xA0\xFF");
	size_t		length = record_from_windows_1252(line, text, &complete);

	CHECK_TEXT("Jos\xC3\xA9 Mu\xC3\xB1oz\xE2\x80\x99s \xE2\x82\xAC\xC5\xA0\xC5\xB8\xC2\xA0\xC3\xBF",
			   ((FieldText) {text, length}));
	CHECK(complete);
}

static void
windows_1252_has_five_undefined_bytes(void)
{
	int			undefined = 0;

	for (int byte = 1; byte < 256; byte++)
	{
		char		line[1] = {(char) byte};
		char		text[RECORD_UTF8_GROWTH];
		bool		complete;
		size_t		length = record_from_windows_1252((FieldText) {line, 1}, text, &complete);

		CHECK(record_is_utf8((FieldText) {text, length}));
		CHECK(complete || (length == 3 && memcmp(text, "\xEF\xBF\xBD", 3) == 0));
		CHECK(complete == !(byte == 0x81 || byte == 0x8D || byte == 0x8F || byte == 0x90 ||
							byte == 0x9D));
		undefined += !complete;
	}
	CHECK_INT(5, undefined);
}

static void
faulty_utf8_is_repaired(void)
{
	char		text[64];
	size_t		length = record_repair_utf8(text_of("Jos\xE9 \xC3\xA9\xE2\x82 x\xFF"), text);

	CHECK_TEXT("Jos\xEF\xBF\xBD \xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD x\xEF\xBF\xBD",
			   ((FieldText) {text, length}));
}

int
main(void)
{
	RUN(splits_at_separators_and_ends_at_line_ends);
	RUN(quotes_are_ordinary_characters);
	RUN(an_open_line_is_known_as_such);
	RUN(what_no_line_may_have_is_found);
	RUN(fields_beyond_the_greatest_number_are_counted);
	RUN(agrees_with_a_slow_splitter);
	RUN(ascii_is_told_from_the_rest);
	RUN(control_characters_are_told_from_the_rest);
	RUN(well_formed_utf8);
	RUN(every_character_is_utf8);
	RUN(windows_1252_becomes_utf8);
	RUN(windows_1252_has_five_undefined_bytes);
	RUN(faulty_utf8_is_repaired);
	return unit_finish();
}
