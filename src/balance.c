/*-------------------------------------------------------------------------
 *
 * balance.c
 *	  Which students have other rows on one side than on the other.
 *
 *-------------------------------------------------------------------------
 */
#include "balance.h"

#include "miscadmin.h"
#include "storage/buffile.h"

/* The table is read file by file, so that each file's students find room. */
#define WAITING_FILES 64

/* simplehash.h hides a variable of its own. */
#pragma GCC diagnostic ignored "-Wshadow"

typedef struct Balance
{
	uint64		student;
	uint64		weight;
	uint32		rows;
	char		status;
} Balance;

#define SH_PREFIX balance
#define SH_ELEMENT_TYPE Balance
#define SH_KEY_TYPE uint64
#define SH_KEY student
#define SH_HASH_KEY(table, key) ((uint32) (key))
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DEFINE
#define SH_DECLARE
#include "lib/simplehash.h"

/* A row that is not in the table yet. */
typedef struct Weight
{
	uint64		student;
	uint64		weight;
} Weight;

struct BalanceSheet
{
	MemoryContext context;		/* rows are added in shorter ones */
	balance_hash *balances;
	uint32		most_students;	/* that the table may hold */
	Weight		weights[64];
	int			weight_count;
	BufFile    *waiting[WAITING_FILES];
};

BalanceSheet *
balance_sheet_create(Size memory, uint64 students)
{
	BalanceSheet *sheet = palloc0(sizeof(BalanceSheet));

	sheet->context = CurrentMemoryContext;

	/* A table has a power of two of places, nine of ten of which are filled. */
	sheet->most_students = 1024;
	while (sheet->most_students < UINT32_MAX / 4 && (Size) sheet->most_students * 2 * sizeof(Balance) <= memory)
		sheet->most_students *= 2;
	sheet->most_students = sheet->most_students / 10 * 9;
	sheet->balances = balance_create(CurrentMemoryContext, (uint32) Min(students, sheet->most_students), NULL);
	return sheet;
}

/* Whoever came before the table was full has all his rows there, the others none. */
static void
let_wait(BalanceSheet *sheet, const Weight *weight)
{
	BufFile   **file = &sheet->waiting[(weight->student >> 32) % WAITING_FILES];
	MemoryContext caller = MemoryContextSwitchTo(sheet->context);

	if (*file == NULL)
		*file = BufFileCreateTemp(false);
	MemoryContextSwitchTo(caller);
	BufFileWrite(*file, unconstify(Weight *, weight), sizeof(*weight));
}

static void
settle_weight(BalanceSheet *sheet, const Weight *weight, bool is_full)
{
	bool		found = true;
	Balance    *balance = is_full ? balance_lookup(sheet->balances, weight->student) :
		balance_insert(sheet->balances, weight->student, &found);

	if (balance == NULL)
	{
		let_wait(sheet, weight);
		return;
	}
	if (!found)
		balance->weight = balance->rows = 0;
	balance->rows++;
	balance->weight += weight->weight;
}

/*
 * A balance is somewhere in a table that no cache of the processor holds: the
 * rows wait until many can be fetched at once.
 */
static void
settle_weights(BalanceSheet *sheet)
{
	for (int i = 0; i < sheet->weight_count; i++)
		__builtin_prefetch(&sheet->balances->data[(uint32) sheet->weights[i].student & sheet->balances->sizemask]);
	for (int i = 0; i < sheet->weight_count; i++)
		settle_weight(sheet, &sheet->weights[i], sheet->balances->members >= sheet->most_students);
	sheet->weight_count = 0;
}

void
balance_sheet_add(BalanceSheet *sheet, uint64 student, uint64 weight)
{
	sheet->weights[sheet->weight_count++] = (Weight){student, weight};
	if (sheet->weight_count == lengthof(sheet->weights))
		settle_weights(sheet);
}

static void
take_uneven(BalanceSheet *sheet, UnevenTaker take, void *context)
{
	balance_iterator iterator;
	Balance    *balance;

	balance_start_iterate(sheet->balances, &iterator);
	while ((balance = balance_iterate(sheet->balances, &iterator)) != NULL)
		if (balance->weight != 0)
			take(context, balance->student, balance->rows);
}

static void
settle_waiting(BalanceSheet *sheet, BufFile *file)
{
	Weight		weight;

	if (BufFileSeek(file, 0, 0, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not rewind a temporary file: %m")));
	while (BufFileRead(file, &weight, sizeof(weight)) == sizeof(weight))
	{
		CHECK_FOR_INTERRUPTS();
		settle_weight(sheet, &weight, false);
	}
	BufFileClose(file);
}

void
balance_sheet_finish(BalanceSheet *sheet, UnevenTaker take, void *context)
{
	settle_weights(sheet);
	take_uneven(sheet, take, context);
	for (int i = 0; i < WAITING_FILES; i++)
		if (sheet->waiting[i] != NULL)
		{
			balance_reset(sheet->balances);
			settle_waiting(sheet, sheet->waiting[i]);
			take_uneven(sheet, take, context);
		}
	balance_destroy(sheet->balances);
	pfree(sheet);
}
