/* Any bytes as a district of student programs, judged by what was promised. */
#include "fuzz_district.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return judge_district(&sprg_process, data, size);
}
