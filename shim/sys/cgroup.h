/*
 * cgroup: reads how much memory the process's cgroup may use (cgroups(7)).
 *
 * Context: any thread with its guard up; not if restriction_is_filter(), because it opens files.
 * Locks: none. Errno: untouched. Keeps I3, I5.
 */
#ifndef SYS_CGROUP_H
#define SYS_CGROUP_H

#include <stdint.h>

/* Returns the smallest memory.max (version 2) or memory.limit_in_bytes (version 1) of the cgroup
 * and its ancestors, in bytes. UINT64_MAX: there is no limit, or none can be read. */
uint64_t cgroup_memory_limit(void);

#endif
