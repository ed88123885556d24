/*
 * spread: an even spread of numbers over all numbers, for choices that look random and can be
 * repeated.
 *
 * Pure. Context: any. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef SETTINGS_SPREAD_H
#define SETTINGS_SPREAD_H

#include <stdint.h>

/* The finaliser of splitmix64. */
static inline uint64_t spread(uint64_t number)
{
	number += UINT64_C(0x9e3779b97f4a7c15);
	number = (number ^ number >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	number = (number ^ number >> 27) * UINT64_C(0x94d049bb133111eb);
	return number ^ number >> 31;
}

#endif
