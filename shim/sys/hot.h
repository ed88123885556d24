/*
 * hot: places what every recorded call touches next to each other.
 *
 * A system call evicts most of a program from the first-level cache. What a recorded call costs
 * afterwards is not the number of its instructions but the number of cache lines, of code and of
 * data, that have to be fetched again.
 * Context: macros only, no code.
 */
#ifndef SYS_HOT_H
#define SYS_HOT_H

/* For variables that are read on every call and seldom written. */
#define HOT_DATA __attribute__((section("tcpshim_hot")))

/* For functions: the compiler puts them into its own section for hot code. */
#define HOT __attribute__((hot))

#endif
