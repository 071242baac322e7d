/* The splitter of machines without SSE2 passes the same tests. */
#undef __SSE2__
#include "../../src/record.c"
#include "test_record.c"
