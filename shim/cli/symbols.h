/*
 * symbols: what stands at an address of the process that made a recording.
 */
#ifndef CLI_SYMBOLS_H
#define CLI_SYMBOLS_H

#include "cli/recording.h"
#include "format/strbuf.h"

/* Whose addresses are asked for from now on. */
void symbols_use(const struct recording *recording);

/* "/usr/bin/nc(main+0x2a3)", with " file:line" behind it where debug data is there; C++ names as
 * they stand in the source. A truss_symbol. */
void symbols_append(struct strbuf *buf, uint64_t address);

void symbols_end(void);

#endif
