/*
 * message: the sizes in the messages of sendmsg, recvmsg and their like, as the program's libc has
 * them.
 *
 * msg_iovlen, msg_controllen and cmsg_len have 64 bits in glibc, as in the kernel. In musl they
 * have 32, and the other 32 may hold anything: its functions clear them in copies. What the kernel
 * has written is the same in both.
 * Context: anywhere. Locks: none. Errno: untouched. Keeps I4, I5.
 */
#ifndef SYS_MESSAGE_H
#define SYS_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "sys/portable.h"

/* Returns the size that the program has stored in one of these fields. */
static inline size_t message_size(size_t field)
{
	return portable_is_musl() ? (uint32_t)field : field;
}

#endif
