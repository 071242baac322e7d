/*
 * What cppcheck, which reads none of the server's headers, has to know of their
 * macros: above all that an error does not come back.
 */
#define PG_VERSION_NUM 150000
#define INT64_FORMAT "%ld"
#define UINT64_FORMAT "%lu"
#define DEBUG1 14
#define LOG 15
#define NOTICE 18
#define WARNING 19
#define ERROR 21
#define ereport(level, ...) do { if ((level) >= ERROR) abort(); } while (0)
#define elog(level, ...) do { if ((level) >= ERROR) abort(); } while (0)
#define foreach(cell, list) for ((cell) = list_head(list); (cell) != 0; (cell) = lnext(list, cell))
#define PG_TRY() {
#define PG_CATCH() } {
#define PG_FINALLY() } {
#define PG_END_TRY() }
#define PG_FUNCTION_INFO_V1(function) extern int function
#define PG_MODULE_MAGIC extern int magic
#define pg_attribute_noreturn() __attribute__((noreturn))
