/*-------------------------------------------------------------------------
 *
 * line_writer.c
 *	  Lines into the bytes of a file: encoding, CR LF, blocks.
 *
 *-------------------------------------------------------------------------
 */
#include "line_writer.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

struct LineWriter
{
	const char *name;
	int			encoding;
	int			block;
	LineSink	sink;
	void	   *context;
	int64		lines;
	int64		bytes;
	StringInfoData buffer;		/* what the sink has not got yet */
};

LineWriter *
line_writer_create(const char *name, int encoding, int block, LineSink sink, void *context)
{
	LineWriter *writer = palloc0(sizeof(LineWriter));

	writer->name = name;
	writer->encoding = encoding;
	writer->block = block;
	writer->sink = sink;
	writer->context = context;
	initStringInfo(&writer->buffer);
	return writer;
}

static void
hand_over(LineWriter *writer)
{
	if (writer->buffer.len > 0)
		writer->sink(writer->context, writer->buffer.data, writer->buffer.len);
	resetStringInfo(&writer->buffer);
}

static void
append_encoded(LineWriter *writer, const char *line, int length)
{
	char	   *encoded = pg_server_to_any(line, length, writer->encoding);

	if (encoded == line)
		appendBinaryStringInfo(&writer->buffer, line, length);
	else
	{
		appendStringInfoString(&writer->buffer, encoded);
		pfree(encoded);
	}
	appendBinaryStringInfo(&writer->buffer, "\r\n", 2);
}

static void
describe_place(void *context)
{
	const LineWriter *writer = context;

	errcontext("file \"%s\", line %lld", writer->name, (long long) writer->lines);
}

void
line_writer_add(LineWriter *writer, const char *line, int length)
{
	int			before = writer->buffer.len;
	ErrorContextCallback callback = {
		.previous = error_context_stack,
		.callback = describe_place,
		.arg = writer
	};

	error_context_stack = &callback;
	writer->lines++;
	append_encoded(writer, line, length);
	writer->bytes += writer->buffer.len - before;
	error_context_stack = callback.previous;

	if (writer->buffer.len >= writer->block)
		hand_over(writer);
}

void
line_writer_finish(LineWriter *writer)
{
	hand_over(writer);
	pfree(writer->buffer.data);
	pfree(writer);
}

int64
line_writer_lines(const LineWriter *writer)
{
	return writer->lines;
}

int64
line_writer_bytes(const LineWriter *writer)
{
	return writer->bytes;
}
