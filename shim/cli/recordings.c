#include "cli/recordings.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reader/complain.h"

/* Returns whether a file was named before, after a message: it is read once. */
static bool is_repeated(const struct recordings *recordings, const struct reader *reader)
{
	for (size_t i = 0; i < recordings->count; i++) {
		const struct reader *known = recordings->readers[i];

		if (!reader_is_same(known, reader))
			continue;
		if (strcmp(known->path, reader->path) == 0)
			complain("%s is named twice; it is read once", reader->path);
		else
			complain("%s and %s are the same file; it is read once", known->path,
				 reader->path);
		return true;
	}
	return false;
}

static bool add_file(struct recordings *recordings, const char *path)
{
	struct reader *reader = reader_open(path);

	if (!reader)
		return false;
	if (is_repeated(recordings, reader)) {
		reader_close(reader);
		return true;
	}
	if (recordings->count == recordings->capacity) {
		recordings->capacity = 2 * recordings->capacity + 16;
		recordings->readers =
			reallocate(recordings->readers, recordings->capacity * sizeof(reader));
	}
	recordings->readers[recordings->count++] = reader;
	return true;
}

static int is_recording(const struct dirent *entry)
{
	static const char suffix[] = ".tcpshim";
	size_t size = strlen(entry->d_name);

	return size >= sizeof(suffix) &&
	       strcmp(entry->d_name + size - (sizeof(suffix) - 1), suffix) == 0;
}

/* Makes "DIRECTORY/NAME", which is kept until the recordings are closed. */
static const char *name_in(struct recordings *recordings, const char *directory, const char *name)
{
	size_t size = strlen(directory) + strlen(name) + 2;
	char *path = allocate(size);

	snprintf(path, size, "%s/%s", directory, name);
	recordings->names =
		reallocate(recordings->names, (recordings->name_count + 1) * sizeof(path));
	recordings->names[recordings->name_count++] = path;
	return path;
}

static bool add_directory(struct recordings *recordings, const char *directory)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, is_recording, alphasort);
	bool is_right = count > 0;

	if (count < 0)
		complain("%s cannot be read: %s", directory, strerror(errno));
	else if (count == 0)
		complain("%s has no recording: no file *.tcpshim", directory);
	for (int i = 0; i < count; i++) {
		is_right &=
			add_file(recordings, name_in(recordings, directory, entries[i]->d_name));
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return is_right;
}

bool recordings_are_in(const char *directory)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, is_recording, NULL);

	for (int i = 0; i < count; i++)
		free(entries[i]);
	if (count >= 0)
		free(entries);
	return count > 0;
}

void recordings_remove(const char *directory)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, is_recording, NULL);
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (int i = 0; i < count; i++) {
		unlinkat(fd, entries[i]->d_name, 0);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	close(fd);
	rmdir(directory);
}

bool recordings_open(struct recordings *recordings, const char *const *paths, size_t count)
{
	struct stat status;
	bool is_right = true;

	*recordings = (struct recordings){0};
	for (size_t i = 0; i < count; i++) {
		if (stat(paths[i], &status) == 0 && S_ISDIR(status.st_mode))
			is_right &= add_directory(recordings, paths[i]);
		else
			is_right &= add_file(recordings, paths[i]);
	}
	return is_right;
}

void recordings_say_lost(const struct reader *reader)
{
	const struct record_header *header = &reader->header;
	const struct reader_damage *damage = &reader->damage;

	if (header->lost_events > 0)
		complain("%s: %lu events were lost while it was written: %s", reader->path,
			 header->lost_events,
			 header->lost_error != 0 ? strerror(header->lost_error)
			 : (header->flags & RECORD_WRAPS) != 0
				 ? "threads were filling every block of it (TCPSHIM_RECORD_SIZE "
				   "makes it larger)"
				 : "it was full (TCPSHIM_RECORD_SIZE makes it larger, "
				   "TCPSHIM_RECORD_FULL=wrap keeps the newest)");
	if (header->overwritten_events > 0)
		complain("%s: it is a flight recorder: %lu older events were overwritten",
			 reader->path, header->overwritten_events);
	if (damage->is_cut)
		complain("%s: the file is cut short: what is missing of it could not be read",
			 reader->path);
	if (damage->blocks > 0)
		complain("%s: %lu blocks could not be read: damaged, or overwritten meanwhile",
			 reader->path, damage->blocks);
	if (damage->records > 0)
		complain("%s: %lu records are damaged and were left out", reader->path,
			 damage->records);
	if (damage->unknown_calls > 0 || damage->unknown_notes > 0)
		complain("%s: %lu calls and %lu notes of a later version of tcpshim were left out",
			 reader->path, damage->unknown_calls, damage->unknown_notes);
}

void recordings_close(struct recordings *recordings)
{
	for (size_t i = 0; i < recordings->count; i++)
		reader_close(recordings->readers[i]);
	for (size_t i = 0; i < recordings->name_count; i++)
		free(recordings->names[i]);
	free(recordings->readers);
	free(recordings->names);
	*recordings = (struct recordings){0};
}
