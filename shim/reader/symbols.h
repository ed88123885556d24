/*
 * symbols: the function at an address of the process that made a recording.
 *
 * A file that a recording names is opened only when a stack is shown, and only if the recording
 * belongs to the user: its owner can name any file in it. It is read as reader/resolver.h
 * describes.
 * Context: the command. Locks: none.
 */
#ifndef READER_SYMBOLS_H
#define READER_SYMBOLS_H

#include "format/strbuf.h"
#include "reader/reader.h"

/* Forbids to open files: frames then show the file and the offset in it. */
void symbols_forbid(void);

/* Selects the recording that the next addresses are from. */
void symbols_use(const struct reader *reader);

/* Appends "/usr/bin/nc(main+0x2a3)", and " file:line" if there is debug data. C++ names are in the
 * form of the source. A truss_symbol. */
void symbols_append(struct strbuf *buf, uint64_t address);

/* Appends the same of an address in a module of the selected recording. is_short: without the
 * folder of its file. */
void symbols_append_in(struct strbuf *buf, const struct module *module, uint64_t address,
		       bool is_short);

/* Frees what was found, and ends the resolver. */
void symbols_end(void);

#endif
