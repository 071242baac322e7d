/*
 * failing_disk.c: a disk that fails when told to.
 *
 * Loaded before the C library (LD_PRELOAD).  The file FAILING_DISK holds
 * "fsync N FOLDER" or "rename N FOLDER": then a process's call number N of that
 * function for a file below the folder fails as on a full disk.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int	calls;

static int
shall_fail(const char *function, const char *path)
{
	char		told_function[8];
	char		folder[PATH_MAX];
	int			number;
	const char *orders = getenv("FAILING_DISK");
	FILE	   *file = orders != NULL ? fopen(orders, "r") : NULL;
	int			found = file != NULL && fscanf(file, "%7s %d %4095s", told_function, &number, folder) == 3;

	if (file != NULL)
		fclose(file);
	if (!found || strcmp(function, told_function) != 0 || strncmp(path, folder, strlen(folder)) != 0)
		return 0;
	return ++calls == number;
}

int
fsync(int descriptor)
{
	int			(*next) (int) = (int (*) (int)) dlsym(RTLD_NEXT, "fsync");
	char		link[64];
	char		path[PATH_MAX];
	ssize_t		length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
	length = readlink(link, path, sizeof(path) - 1);
	path[length < 0 ? 0 : length] = '\0';
	if (shall_fail("fsync", path))
	{
		errno = ENOSPC;
		return -1;
	}
	return next(descriptor);
}

int
rename(const char *from, const char *to)
{
	int			(*next) (const char *, const char *) = (int (*) (const char *, const char *)) dlsym(RTLD_NEXT, "rename");

	if (shall_fail("rename", from))
	{
		errno = ENOSPC;
		return -1;
	}
	return next(from, to);
}
