/* Headers of mail, and names of files that come from elsewhere. */
#include <stdlib.h>

#include "mail_header.h"
#include "plain_name.h"
#include "unit.h"

/* Into memory of exactly the announced size, so that the sanitizer looks on. */
static char *
encode(const char *value)
{
	char	   *result = malloc(mail_header_room(value));

	mail_header_encode(value, result);
	return result;
}

static bool
encodes_to(const char *value, const char *wanted)
{
	char	   *found = encode(value);
	bool		same = strcmp(found, wanted) == 0;

	if (!same)
		printf("# found '%s'\n", found);
	free(found);
	return same;
}

static void
plain_subjects(void)
{
	CHECK(encodes_to("", ""));
	CHECK(encodes_to("CASEMIS: 12 of 15 matched", "CASEMIS: 12 of 15 matched"));
	CHECK(mail_header_is_plain("a ~"));
	CHECK(!mail_header_is_plain("caf\xc3\xa9"));
	CHECK(!mail_header_is_plain("=?UTF-8?B?YQ==?="));
	CHECK(!mail_header_is_plain("a\r\nBcc: b"));
	CHECK(!mail_header_is_plain("a\x7f"));
}

static void
encoded_subjects(void)
{
	CHECK(encodes_to("\xc3\xa9", "=?UTF-8?B?w6k=?="));
	CHECK(encodes_to("a\xc3\xa9", "=?UTF-8?B?YcOp?="));
	CHECK(encodes_to("\xe2\x82\xac\xc3\xa9", "=?UTF-8?B?4oKsw6k=?="));
	/* What looks like an encoded word is not taken for one. */
	CHECK(encodes_to("=?x", "=?UTF-8?B?PT94?="));
}

/* What is no UTF-8 is cut somewhere, into words that still have room. */
static void
no_utf8(void)
{
	char		bytes[500];

	memset(bytes, 0xb1, sizeof(bytes) - 1);
	bytes[sizeof(bytes) - 1] = '\0';
	free(encode(bytes));
	CHECK(!mail_header_is_plain(bytes));
}

/* Lines of at most 76 characters, each of whole characters. */
static bool
is_folded_well(const char *encoded)
{
	while (*encoded != '\0')
	{
		size_t		length = strcspn(encoded, "\r");

		if (length > 76 || strncmp(encoded + (encoded[0] == ' '), "=?UTF-8?B?", 10) != 0 ||
			strncmp(encoded + length - 2, "?=", 2) != 0)
			return false;
		encoded += length;
		if (strncmp(encoded, "\r\n ", 3) == 0)
			encoded += 2;
	}
	return true;
}

static void
long_subjects(void)
{
	/* Every length, of characters of 1 to 4 bytes. */
	static const char *const characters[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};

	for (int width = 1; width <= 4; width++)
	{
		char		value[801] = "\xc3\xa9";

		for (int count = 0; count < 190; count++)
		{
			char	   *encoded = encode(value);

			CHECK(is_folded_well(encoded));
			free(encoded);
			strcat(value, characters[width - 1]);
		}
	}
}

static void
characters_are_not_cut(void)
{
	/* 22 characters of 2 bytes, then one that would be cut at byte 45. */
	char		value[100] = "";
	char	   *encoded;

	for (int i = 0; i < 23; i++)
		strcat(value, "\xc3\xa9");
	encoded = encode(value);
	/* 44 bytes in the first word, 2 in the second. */
	CHECK(strstr(encoded, "w6k=?=\r\n =?UTF-8?B?w6k=?=") != NULL);
	free(encoded);
}

static void
unsafe_texts(void)
{
	CHECK(mail_header_is_safe(""));
	CHECK(mail_header_is_safe("caf\xc3\xa9"));
	CHECK(!mail_header_is_safe("a\rb"));
	CHECK(!mail_header_is_safe("a\nb"));
	CHECK(!mail_header_is_safe("a\tb"));
	CHECK(!mail_header_is_safe("a\x7f"));
}

static void
parameters(void)
{
	const char *name = "\xc3\xa9 \"x\"%.csv";
	char	   *result = malloc(mail_header_room(name));

	mail_parameter_encode(name, result);
	CHECK(strcmp(result, "UTF-8''%C3%A9%20%22x%22%25.csv") == 0);
	free(result);
}

static void
names(void)
{
	static const char *const bad[] = {"", ".", "..", "/", "a/b", "../a", "a\\b", "a\nb", "a\x7f", "\t"};
	char		longest[257];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(plain_name_problem(bad[i]) != NULL);
	CHECK(plain_name_problem("students.csv") == NULL);
	CHECK(plain_name_problem(".hidden") == NULL);
	CHECK(plain_name_problem("...") == NULL);
	CHECK(plain_name_problem("50% caf\xc3\xa9 #1.csv") == NULL);
	memset(longest, 'a', sizeof(longest));
	longest[255] = '\0';
	CHECK(plain_name_problem(longest) == NULL);
	longest[255] = 'a';
	longest[256] = '\0';
	CHECK(plain_name_problem(longest) != NULL);
}

int
main(void)
{
	RUN(plain_subjects);
	RUN(encoded_subjects);
	RUN(no_utf8);
	RUN(long_subjects);
	RUN(characters_are_not_cut);
	RUN(unsafe_texts);
	RUN(parameters);
	RUN(names);
	return unit_finish();
}
