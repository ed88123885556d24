#include "cli/program.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cli/commands.h"
#include "format/nearest.h"
#include "reader/complain.h"

enum { MOST_SCRIPTS = 4, SCRIPT_LINE = 256, MOST_HEADERS = 1024 };

/* The processors for which there is a library. */
static const struct {
	uint16_t machine;
	uint8_t class; /* a program of another class is not run by the same libraries (x32) */
	const char *architecture;
} machines[] = {
	{EM_X86_64, ELFCLASS64, "x86_64-linux-gnu"},
	{EM_AARCH64, ELFCLASS64, "aarch64-linux-gnu"},
	{EM_386, ELFCLASS32, "i386-linux-gnu"},
};

#if defined(__x86_64__)
const char program_own_architecture[] = "x86_64-linux-gnu";
#elif defined(__aarch64__)
const char program_own_architecture[] = "aarch64-linux-gnu";
#elif defined(__i386__)
const char program_own_architecture[] = "i386-linux-gnu";
#endif

static bool is_runnable(const char *path, int *error)
{
	struct stat status;

	if (stat(path, &status) < 0) {
		*error = errno;
		return false;
	}
	if (S_ISDIR(status.st_mode) || access(path, X_OK) < 0) {
		*error = EACCES;
		return false;
	}
	return true;
}

/* Joins a folder, whose name has size bytes, and a name. An empty folder is the current one. */
static bool join(char path[PATH_MAX], const char *folder, size_t size, const char *name)
{
	if (size == 0) {
		folder = ".";
		size = 1;
	}
	if (size + 1 + strlen(name) >= PATH_MAX)
		return false;
	memcpy(path, folder, size);
	path[size] = '/';
	strcpy(path + size + 1, name);
	return true;
}

static int find_in_folders(const char *folders, const char *name, char path[PATH_MAX], int *error)
{
	bool is_forbidden = false;

	for (const char *folder = folders; folder && *name;) {
		size_t size = strcspn(folder, ":");

		if (join(path, folder, size, name)) {
			if (is_runnable(path, error))
				return 0;
			is_forbidden |= *error == EACCES;
		}
		folder = folder[size] == ':' ? folder + size + 1 : NULL;
	}
	*error = is_forbidden ? EACCES : ENOENT;
	return is_forbidden ? EXIT_CANNOT_RUN : EXIT_NOT_FOUND;
}

int program_find(const char *name, char path[PATH_MAX], int *error)
{
	const char *folders = getenv("PATH");

	if (!strchr(name, '/'))
		return find_in_folders(folders ? folders : "/bin:/usr/bin", name, path, error);
	if (strlen(name) >= PATH_MAX) {
		*error = ENAMETOOLONG;
		return EXIT_NOT_FOUND;
	}
	strcpy(path, name);
	if (is_runnable(path, error))
		return 0;
	return *error == ENOENT || *error == ENOTDIR ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
}

/* Offers the programs of one folder; what is nearest is kept in found. */
static void offer_programs(const char *folder, size_t size, struct nearest *nearest,
			   char found[NAME_MAX + 1])
{
	char path[PATH_MAX];
	const struct dirent *entry;
	DIR *directory;
	int error;

	if (!join(path, folder, size, ""))
		return;
	directory = opendir(path);
	while (directory && (entry = readdir(directory))) {
		if (!join(path, folder, size, entry->d_name) ||
		    !nearest_offer(nearest, entry->d_name))
			continue;
		strcpy(found, entry->d_name);
		/* A name that cannot be run is not offered. */
		if (!nearest_is_close(nearest) || !is_runnable(path, &error))
			found[0] = '\0';
	}
	if (directory)
		closedir(directory);
}

bool program_nearest(const char *name, char found[NAME_MAX + 1])
{
	const char *folder = getenv("PATH");
	struct nearest nearest;

	nearest_start(&nearest, name, strlen(name));
	for (const struct command *const *command = commands; *command; command++)
		if (nearest_offer(&nearest, (*command)->name))
			strcpy(found, (*command)->name);
	if (nearest_is_close(&nearest))
		return true;
	nearest_start(&nearest, name, strlen(name));
	while (folder) {
		size_t size = strcspn(folder, ":");

		offer_programs(folder, size, &nearest, found);
		folder = folder[size] == ':' ? folder + size + 1 : NULL;
	}
	return found[0] != '\0' && nearest_is_close(&nearest);
}

/* Reads part of a file; false if there is not so much. */
static bool read_at(int fd, uint64_t offset, void *to, size_t size)
{
	return pread(fd, to, size, (off_t)offset) == (ssize_t)size;
}

static bool has_section(int fd, const Elf64_Ehdr *header, const char *wanted)
{
	char names[4096];
	Elf64_Shdr strings, section;

	if (header->e_shoff == 0 || header->e_shentsize != sizeof(section) ||
	    !read_at(fd, header->e_shoff + header->e_shstrndx * sizeof(strings), &strings,
		     sizeof(strings)))
		return false;
	ssize_t size = pread(fd, names, sizeof(names) - 1, (off_t)strings.sh_offset);

	if (size <= 0)
		return false;
	names[size] = '\0';
	for (unsigned i = 0; i < header->e_shnum; i++) {
		if (!read_at(fd, header->e_shoff + i * sizeof(section), &section, sizeof(section)))
			return false;
		if (section.sh_name < (size_t)size && strcmp(names + section.sh_name, wanted) == 0)
			return true;
	}
	return false;
}

/* Reads a program header of either class, as one of 64 bits. */
static bool read_segment(int fd, const Elf64_Ehdr *header, unsigned index, Elf64_Phdr *segment)
{
	Elf32_Phdr narrow;

	if (header->e_ident[EI_CLASS] == ELFCLASS64)
		return read_at(fd, header->e_phoff + index * sizeof(*segment), segment,
			       sizeof(*segment));
	if (!read_at(fd, header->e_phoff + index * sizeof(narrow), &narrow, sizeof(narrow)))
		return false;
	*segment = (Elf64_Phdr){.p_type = narrow.p_type,
				.p_offset = narrow.p_offset,
				.p_filesz = narrow.p_filesz};
	return true;
}

/* Reads the path of the program's loader. Returns false if it has none. */
static bool read_loader(int fd, const Elf64_Ehdr *header, char path[PATH_MAX])
{
	for (unsigned i = 0; i < header->e_phnum && i < MOST_HEADERS; i++) {
		Elf64_Phdr segment;

		if (!read_segment(fd, header, i, &segment))
			return false;
		if (segment.p_type != PT_INTERP)
			continue;
		path[0] = '\0';
		if (segment.p_filesz < PATH_MAX &&
		    read_at(fd, segment.p_offset, path, segment.p_filesz))
			path[segment.p_filesz] = '\0';
		return true;
	}
	return false;
}

static bool read_header(int fd, Elf64_Ehdr *header)
{
	Elf32_Ehdr narrow;

	if (!read_at(fd, 0, header, EI_NIDENT))
		return false;
	if (header->e_ident[EI_CLASS] == ELFCLASS64)
		return read_at(fd, 0, header, sizeof(*header));
	if (!read_at(fd, 0, &narrow, sizeof(narrow)))
		return false;
	header->e_machine = narrow.e_machine;
	header->e_phoff = narrow.e_phoff;
	header->e_phnum = narrow.e_phnum;
	header->e_shoff = 0;
	return true;
}

static struct program_kind elf_kind(int fd)
{
	struct program_kind kind = {0};
	char loader[PATH_MAX];
	Elf64_Ehdr header;

	if (!read_header(fd, &header))
		return kind;
	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++)
		if (header.e_machine == machines[i].machine &&
		    header.e_ident[EI_CLASS] == machines[i].class)
			kind.architecture = machines[i].architecture;
	if (!kind.architecture)
		kind.hindrance = "a program for a processor for which there is no library";
	else if (read_loader(fd, &header, loader))
		kind.is_musls = strstr(loader, "/ld-musl-") != NULL;
	else if (has_section(fd, &header, ".go.buildinfo"))
		kind.hindrance = "a Go program without libc: it makes its system calls itself "
				 "(built with cgo and net it would use libc)";
	else
		kind.hindrance = "statically linked: no library can be put in front of its libc";
	return kind;
}

/* Returns why the loader ignores LD_PRELOAD: the program gets rights that its user does not have.
 */
static const char *rights_hindrance(int fd, const char *path)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return NULL;
	if ((status.st_mode & S_ISUID) && status.st_uid != geteuid())
		return "set-user-id: the loader ignores LD_PRELOAD for it (run it as its owner)";
	if ((status.st_mode & S_ISGID) && (status.st_mode & S_IXGRP) && status.st_gid != getegid())
		return "set-group-id: the loader ignores LD_PRELOAD for it";
	if (geteuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0)
		return "given capabilities (setcap): the loader ignores LD_PRELOAD for it";
	return NULL;
}

/* Finds the interpreter that the first line of a script names. */
static bool find_interpreter(int fd, char path[PATH_MAX])
{
	char line[SCRIPT_LINE + 1], *start, *end;
	ssize_t size = pread(fd, line, SCRIPT_LINE, 0);

	if (size < 3 || line[0] != '#' || line[1] != '!')
		return false;
	line[size] = '\0';
	start = line + 2 + strspn(line + 2, " \t");
	end = start + strcspn(start, " \t\n");
	*end = '\0';
	if (!*start)
		return false;
	strcpy(path, start);
	return true;
}

struct program_kind program_kind(const char *path)
{
	struct program_kind kind = {0};
	char current[PATH_MAX];

	strcpy(current, path);
	for (int depth = 0; depth < MOST_SCRIPTS; depth++) {
		int fd = open(current, O_RDONLY | O_CLOEXEC);
		char magic[SELFMAG];
		bool is_elf;

		if (fd < 0)
			return kind; /* may be run, but not read */
		is_elf = read_at(fd, 0, magic, sizeof(magic)) &&
			 memcmp(magic, ELFMAG, SELFMAG) == 0;
		if (is_elf) {
			const char *hindrance = rights_hindrance(fd, current);

			kind = elf_kind(fd);
			kind.hindrance = hindrance ? hindrance : kind.hindrance;
		}
		if (is_elf || !find_interpreter(fd, current)) {
			close(fd);
			return kind;
		}
		close(fd);
	}
	return kind;
}
