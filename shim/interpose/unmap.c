/* Calls that remove memory or make it unreadable, and mlockall, which would lock the recording in
 * memory. None of them is shown. See guest/memory.h and sink/recording_map.h. */
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "guest/memory.h"
#include "interpose/export.h"
#include "sink/recording.h"
#include "sys/restriction.h"

EXPORT int munmap(void *memory, size_t size)
{
	int result = real.munmap(memory, size);

	memory_forget();
	return result;
}

EXPORT int mprotect(void *memory, size_t size, int protection)
{
	int result = real.mprotect(memory, size, protection);

	memory_forget();
	return result;
}

EXPORT int pkey_mprotect(void *memory, size_t size, int protection, int key)
{
	int result = real.pkey_mprotect(memory, size, protection, key);

	memory_forget();
	return result;
}

EXPORT void *mremap(void *memory, size_t size, size_t new_size, int flags, ...)
{
	va_list list;
	void *wanted, *result;

	va_start(list, flags);
	wanted = va_arg(list, void *);
	va_end(list);
	result = real.mremap(memory, size, new_size, flags, wanted);
	memory_forget();
	return result;
}

EXPORT int shmdt(const void *memory)
{
	int result = real.shmdt(memory);

	memory_forget();
	return result;
}

EXPORT int mlockall(int flags)
{
	bool is_ours = process_is_tracing && process_is_itself() && !restriction_is_inherited();
	int result;

	if (!is_ours)
		return real.mlockall(flags);
	recording_save_memory();
	result = real.mlockall(flags);
	if (result == 0)
		recording_unlock();
	return result;
}
