/*
 * symbols: what stands at an address of the process that made a recording.
 *
 * A file that a recording names is looked into only when a stack is shown, only if the recording is
 * the caller's own (its owner could name any file), and as reader/resolver.h tells.
 */
#ifndef READER_SYMBOLS_H
#define READER_SYMBOLS_H

#include "format/strbuf.h"
#include "reader/reader.h"

/* No file is looked into: frames show the file and the offset in it. */
void symbols_forbid(void);

/* Whose addresses are asked for from now on. */
void symbols_use(const struct reader *reader);

/* "/usr/bin/nc(main+0x2a3)", with " file:line" behind it where debug data is there; C++ names as
 * they stand in the source. A truss_symbol. */
void symbols_append(struct strbuf *buf, uint64_t address);

void symbols_end(void);

#endif
