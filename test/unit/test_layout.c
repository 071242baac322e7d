/* Fields of a layout by name. */
#include "layout.h"
#include "unit.h"

static void
finds_fields_by_column_name(void)
{
	static const LayoutField fields[] = {
		{.name = "record_type_code", .label = "Record Type Code"},
		{.name = "ssid", .label = "SSID"},
	};
	const Layout layout = {.fields = fields, .field_count = 2};

	CHECK_INT(0, layout_field_position(&layout, "record_type_code"));
	CHECK_INT(1, layout_field_position(&layout, "ssid"));
	CHECK_INT(-1, layout_field_position(&layout, "SSID"));
	CHECK_INT(-1, layout_field_position(&layout, "ssi"));
}

int
main(void)
{
	RUN(finds_fields_by_column_name);
	return unit_finish();
}
