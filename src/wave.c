/*-------------------------------------------------------------------------
 *
 * wave.c
 *	  The order of a student's operations, and the numbers of the files.
 *
 *-------------------------------------------------------------------------
 */
#include "wave.h"

#include <string.h>

/* Groups with more exits and updates than this are posted in one fixed order. */
#define GRAPH_SIZE 10
#define GRAPH_STATES (1 << GRAPH_SIZE)

/* The longest row of files that is looked for; beyond it the simple plan stays. */
#define SEARCH_FILES 24
#define SEARCH_WORK 20000000

/* Exits and updates in turn serve any shape in twice as many files as it has operations. */
#define MAX_FILES (3 * RECONCILE_MAX_ROWS)

/*
 * What exits and updates of one student need: operation i is an update or
 * an exit, and comes after the operations in needs[i].
 */
typedef struct Shape
{
	int			count;
	bool		many;			/* a file may hold several of the operations */
	bool		update[RECONCILE_MAX_ROWS];
	bool		chain;			/* more than GRAPH_SIZE: each one needs the one before */
	unsigned	needs[GRAPH_SIZE];
	int			file[RECONCILE_MAX_ROWS];	/* the plan: position among the files */
	struct Shape *next;
	int			number;
} Shape;

/* What of one shape may have been posted: sets of operations, or a length. */
typedef struct Progress
{
	unsigned char reached[GRAPH_STATES / 8];
	int			length;
} Progress;

struct WavePlan
{
	Arena	   *arena;
	const WaveRules *rules;
	const ReconcileOptions *options;
	bool		removals;
	Shape	   *shapes;
	int			shape_count;
	bool		update[MAX_FILES];	/* the files after the removals */
	int			file_count;
	const Shape **by_number;
	int64_t		step_work;		/* sets that one step of all shapes looks at */
	int64_t		work;			/* of the search so far */
};

/* ---- one student ------------------------------------------------------------ */

/*
 * Must `later` wait until `earlier` is posted?  It must when its record
 * cannot stand beside the row as it was, for CALPADS looks at the row as it
 * was.  Afterwards they go together: what does not has been held before.
 */
static bool
waits_for(const Operation *later, const Operation *earlier, const WaveRules *rules,
		  const ReconcileOptions *options)
{
	return later != earlier && earlier->before != NULL &&
		rules->conflict(later->record, earlier->before, options) != NULL;
}

static bool
is_open(const Operation *operation)
{
	return !operation->held && operation->place < 0;
}

static bool
is_ready(const Operation *operation, const Operation *all, const WaveRules *rules,
		 const ReconcileOptions *options)
{
	for (const Operation *other = all; other != NULL; other = other->next)
		if (is_open(other) && waits_for(operation, other, rules, options))
			return false;
	return true;
}

static Operation *
next_ready(Operation *operations, const WaveRules *rules, const ReconcileOptions *options)
{
	Operation  *next = NULL;

	for (Operation *operation = operations; operation != NULL; operation = operation->next)
		if (is_open(operation) && is_ready(operation, operations, rules, options) &&
			(next == NULL || rules->goes_before(operation, next)))
			next = operation;
	return next;
}

static Operation *
first_open(Operation *operations)
{
	while (operations != NULL && !is_open(operations))
		operations = operations->next;
	return operations;
}

/* All removals stand in the first file: each of them only needs its row. */
static void
place_removals(Operation *operations)
{
	for (Operation *operation = operations; operation != NULL; operation = operation->next)
	{
		operation->shape = WAVE_REMOVAL;
		operation->place = operation->category == CATEGORY_REMOVALS ? 0 : -1;
	}
}

Operation *
wave_order(Operation *operations, const WaveRules *rules, const ReconcileOptions *options)
{
	Operation  *next;
	int			place = 0;

	place_removals(operations);
	while ((next = next_ready(operations, rules, options)) != NULL)
		next->place = place++;
	return first_open(operations);
}

/* ---- shapes ----------------------------------------------------------------- */

WavePlan *
wave_plan_create(Arena *arena, const WaveRules *rules, const ReconcileOptions *options)
{
	WavePlan   *plan = arena_allocate(arena, sizeof(WavePlan));

	plan->arena = arena;
	plan->rules = rules;
	plan->options = options;
	return plan;
}

/*
 * The exits and updates of a student that have to do with each other.  Where a
 * file holds one record of a student all of them have.
 */
typedef struct Group
{
	Operation  *member[RECONCILE_MAX_ROWS];	/* in the order of their places */
	int			count;
} Group;

static bool
is_placed(const Operation *operation)
{
	return !operation->held && operation->category != CATEGORY_REMOVALS;
}

static void
describe_shape(const WavePlan *plan, Shape *shape, const Group *group)
{
	memset(shape, 0, sizeof(*shape));
	shape->count = group->count;
	shape->many = plan->rules->many_per_file;
	shape->chain = shape->count > GRAPH_SIZE;
	for (int i = 0; i < group->count; i++)
		shape->update[i] = group->member[i]->category == CATEGORY_UPDATES;
	if (shape->chain)
		return;
	for (int later = 0; later < group->count; later++)
		for (int earlier = 0; earlier < group->count; earlier++)
			if (waits_for(group->member[later], group->member[earlier], plan->rules, plan->options))
				shape->needs[later] |= 1u << earlier;
}

static bool
same_shape(const Shape *a, const Shape *b)
{
	return a->count == b->count && a->many == b->many && memcmp(a->update, b->update, sizeof(a->update)) == 0 &&
		memcmp(a->needs, b->needs, sizeof(a->needs)) == 0;
}

static const Shape *
keep_shape(WavePlan *plan, const Shape *wanted)
{
	Shape	  **end = &plan->shapes;

	for (; *end != NULL; end = &(*end)->next)
		if (same_shape(*end, wanted))
			return *end;
	*end = arena_allocate(plan->arena, sizeof(Shape));
	**end = *wanted;
	(*end)->number = WAVE_REMOVAL + ++plan->shape_count;
	return *end;
}

static void
add_group(WavePlan *plan, const Group *group)
{
	Shape		wanted;
	const Shape *shape;

	describe_shape(plan, &wanted, group);
	shape = keep_shape(plan, &wanted);
	for (int i = 0; i < group->count; i++)
	{
		group->member[i]->shape = shape->number;
		group->member[i]->place = i;
	}
}

static Group
collect_placed(Operation *operations)
{
	Group		all = {{NULL}, 0};

	for (Operation *operation = operations; operation != NULL; operation = operation->next)
		if (is_placed(operation))
		{
			all.member[operation->place] = operation;
			all.count++;
		}
	return all;
}

/* Gives the operations that wait for one another the same number. */
static void
number_groups(const WavePlan *plan, const Group *all, int number[RECONCILE_MAX_ROWS])
{
	for (int i = 0; i < all->count; i++)
		number[i] = plan->rules->many_per_file ? i : 0;
	for (int later = 0; later < all->count; later++)
		for (int earlier = 0; earlier < all->count; earlier++)
		{
			int			merged = number[earlier];

			if (merged == number[later] ||
				!waits_for(all->member[later], all->member[earlier], plan->rules, plan->options))
				continue;
			for (int i = 0; i < all->count; i++)
				if (number[i] == merged)
					number[i] = number[later];
		}
}

void
wave_plan_add(WavePlan *plan, Operation *operations)
{
	Group		all = collect_placed(operations);
	int			number[RECONCILE_MAX_ROWS];

	for (const Operation *operation = operations; operation != NULL; operation = operation->next)
		plan->removals |= !operation->held && !is_placed(operation);
	number_groups(plan, &all, number);
	for (int wanted = 0; wanted < all.count; wanted++)
	{
		Group		group = {{NULL}, 0};

		for (int i = 0; i < all.count; i++)
			if (number[i] == wanted)
				group.member[group.count++] = all.member[i];
		if (group.count > 0)
			add_group(plan, &group);
	}
}

/* ---- progress of a shape, file by file ---------------------------------------- */

static bool
is_reached(const Progress *progress, unsigned set)
{
	return progress->reached[set / 8] & (1u << set % 8);
}

static void
reach(Progress *progress, unsigned set)
{
	progress->reached[set / 8] |= (unsigned char) (1u << set % 8);
}

static Progress
start_of(void)
{
	Progress	progress = {{0}, 0};

	reach(&progress, 0);
	return progress;
}

/* May operation i be posted next, in a file of that category? */
static bool
may_follow(const Shape *shape, unsigned set, int i, bool update)
{
	return !(set & (1u << i)) && shape->update[i] == update && (shape->needs[i] & ~set) == 0;
}

/* All operations that may be posted next, in a file of that category. */
static unsigned
all_that_may_follow(const Shape *shape, unsigned set, bool update)
{
	unsigned	following = 0;

	for (int i = 0; i < shape->count; i++)
		if (may_follow(shape, set, i, update))
			following |= 1u << i;
	return following;
}

/*
 * One file more: in it goes one operation of the student if any can, or all
 * that can.  To post what can be posted never does harm.
 */
static void
step_from(const Shape *shape, unsigned set, bool update, Progress *after)
{
	bool		stays = true;

	if (shape->many)
	{
		reach(after, set | all_that_may_follow(shape, set, update));
		return;
	}

	for (int i = 0; i < shape->count; i++)
		if (may_follow(shape, set, i, update))
		{
			reach(after, set | 1u << i);
			stays = false;
		}
	if (stays)
		reach(after, set);
}

static Progress
step(const Shape *shape, const Progress *before, bool update)
{
	Progress	after = {{0}, before->length};

	if (shape->chain)
	{
		after.length += before->length < shape->count && shape->update[before->length] == update;
		return after;
	}
	for (unsigned set = 0; set < 1u << shape->count; set++)
		if (is_reached(before, set))
			step_from(shape, set, update, &after);
	return after;
}

static bool
is_complete(const Shape *shape, const Progress *progress)
{
	return shape->chain ? progress->length == shape->count :
		is_reached(progress, (1u << shape->count) - 1);
}

static int
left_of_set(const Shape *shape, unsigned set, bool update)
{
	int			left = 0;

	for (int i = 0; i < shape->count; i++)
		left += !(set & (1u << i)) && shape->update[i] == update;
	return shape->many && left > 1 ? 1 : left;
}

/* The least number of files of a category that the shape still needs. */
static int
files_left(const Shape *shape, const Progress *progress, bool update)
{
	int			least = shape->count;

	if (shape->chain)
	{
		least = 0;
		for (int i = progress->length; i < shape->count; i++)
			least += shape->update[i] == update;
		return least;
	}
	for (unsigned set = 0; set < 1u << shape->count; set++)
		if (is_reached(progress, set))
		{
			int			left = left_of_set(shape, set, update);

			least = left < least ? left : least;
		}
	return least;
}

/* ---- the plan ------------------------------------------------------------------ */

static Progress *
start_all(const WavePlan *plan)
{
	Progress   *all = arena_allocate(plan->arena, (size_t) plan->shape_count * sizeof(Progress));

	for (int i = 0; i < plan->shape_count; i++)
		all[i] = start_of();
	return all;
}

static void
step_all(const WavePlan *plan, const Progress *before, bool update, Progress *after)
{
	int			i = 0;

	for (const Shape *shape = plan->shapes; shape != NULL; shape = shape->next, i++)
		after[i] = step(shape, &before[i], update);
}

static bool
all_complete(const WavePlan *plan, const Progress *all)
{
	int			i = 0;

	for (const Shape *shape = plan->shapes; shape != NULL; shape = shape->next, i++)
		if (!is_complete(shape, &all[i]))
			return false;
	return true;
}

/* The least number of files that are still needed for all. */
static int
all_files_left(const WavePlan *plan, const Progress *all)
{
	int			exits = 0,
				updates = 0,
				i = 0;

	for (const Shape *shape = plan->shapes; shape != NULL; shape = shape->next, i++)
	{
		int			more_exits = files_left(shape, &all[i], false);
		int			more_updates = files_left(shape, &all[i], true);

		exits = more_exits > exits ? more_exits : exits;
		updates = more_updates > updates ? more_updates : updates;
	}
	return exits + updates;
}

/*
 * The simple plan: exits as long as they bring anybody forward, then updates,
 * and so on; after many files one of each in turn, which cannot take long.
 */
static void
plan_simply(WavePlan *plan)
{
	Progress   *all = start_all(plan);
	Progress   *next = start_all(plan);
	bool		update = false;

	plan->file_count = 0;
	while (!all_complete(plan, all))
	{
		bool		forward;

		step_all(plan, all, update, next);
		forward = memcmp(all, next, (size_t) plan->shape_count * sizeof(Progress)) != 0;
		memcpy(all, next, (size_t) plan->shape_count * sizeof(Progress));
		if (forward)
			plan->update[plan->file_count++] = update;
		if (!forward || plan->file_count >= RECONCILE_MAX_ROWS)
			update = !update;
	}
}

/* Can the rest be done with that many files?  Fills plan->update when it can. */
static bool
search(WavePlan *plan, const Progress *all, int position, int length, Progress *space)
{
	if (all_complete(plan, all))
	{
		plan->file_count = position;
		return true;
	}
	if (position + all_files_left(plan, all) > length || plan->work > SEARCH_WORK)
		return false;
	for (int update = 0; update < 2; update++)
	{
		plan->work += plan->step_work;
		step_all(plan, all, update, space);
		plan->update[position] = update;
		if (search(plan, space, position + 1, length, space + plan->shape_count))
			return true;
	}
	return false;
}

/* Is there a shorter plan than the simple one? */
static void
plan_shortest(WavePlan *plan)
{
	WavePlan	simple = *plan;
	Progress   *all = start_all(plan);
	int			least = all_files_left(plan, all);
	Progress   *space;

	if (simple.file_count > SEARCH_FILES || simple.file_count == least)
		return;
	space = arena_allocate(plan->arena,
						   (size_t) plan->shape_count * SEARCH_FILES * sizeof(Progress));
	for (int length = least; length < simple.file_count; length++)
		if (search(plan, all, 0, length, space))
			return;
	memcpy(plan->update, simple.update, sizeof(plan->update));
	plan->file_count = simple.file_count;
}

/*
 * Which file does each operation of a shape go to?  Backwards from the end it
 * is a walk through what could be reached; forwards, as here, the first choice
 * that still leads to the end.
 */
static bool
assign(const WavePlan *plan, Shape *shape, unsigned set, int position)
{
	bool		stays = true;

	if (set == (1u << shape->count) - 1)
		return true;
	if (position == plan->file_count)
		return false;
	if (shape->many)
	{
		unsigned	following = all_that_may_follow(shape, set, plan->update[position]);

		for (int i = 0; i < shape->count; i++)
			if (following & (1u << i))
				shape->file[i] = position;
		return assign(plan, shape, set | following, position + 1);
	}
	for (int i = 0; i < shape->count; i++)
		if (may_follow(shape, set, i, plan->update[position]))
		{
			stays = false;
			shape->file[i] = position;
			if (assign(plan, shape, set | 1u << i, position + 1))
				return true;
		}
	return stays && assign(plan, shape, set, position + 1);
}

static void
assign_chain(const WavePlan *plan, Shape *shape)
{
	int			next = 0;

	for (int position = 0; position < plan->file_count && next < shape->count; position++)
		if (shape->update[next] == plan->update[position])
			shape->file[next++] = position;
}

static void
index_shapes(WavePlan *plan)
{
	plan->by_number = arena_allocate(plan->arena,
									 (size_t) (plan->shape_count + 1) * sizeof(Shape *));
	for (const Shape *shape = plan->shapes; shape != NULL; shape = shape->next)
	{
		plan->by_number[shape->number] = shape;
		plan->step_work += shape->chain ? 1 : INT64_C(1) << shape->count;
	}
}

void
wave_plan_finish(WavePlan *plan)
{
	index_shapes(plan);
	if (plan->shape_count == 0)
		return;
	plan_simply(plan);
	plan_shortest(plan);
	for (Shape *shape = plan->shapes; shape != NULL; shape = shape->next)
		if (shape->chain)
			assign_chain(plan, shape);
		else
			assign(plan, shape, 0, 0);
}

int
wave_file_number(const WavePlan *plan, int shape, int place)
{
	if (shape == WAVE_REMOVAL)
		return 1;
	return plan->by_number[shape]->file[place] + 1 + (plan->removals ? 1 : 0);
}
