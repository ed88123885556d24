/*
 * epoll_map: which descriptor a program meant by the data that epoll hands back.
 *
 * A cache: filled by epoll_ctl, asked by epoll_wait. nginx and asio store pointers; the map makes
 * them descriptors again. A crowded place forgets an older entry; then nothing is found, never
 * something wrong, unless the program reuses the same data for another descriptor by a way that is
 * not seen.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef CONN_EPOLL_MAP_H
#define CONN_EPOLL_MAP_H

#include <stdint.h>

void epoll_map_store(int epoll_fd, uint64_t data, int fd);
/* The descriptor, or -1. */
int epoll_map_find(int epoll_fd, uint64_t data);

#endif
