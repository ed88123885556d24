/*
 * hot: what every recorded call touches stands together.
 *
 * A system call leaves little of a program in the first cache: what costs behind it is not
 * instructions but the number of lines that have to be fetched again, of code and of data.
 */
#ifndef SYS_HOT_H
#define SYS_HOT_H

/* Of variables that are read on every call and seldom written. */
#define HOT_DATA __attribute__((section("tcpshim_hot")))

/* Of functions: the compiler's own section for them. */
#define HOT __attribute__((hot))

#endif
