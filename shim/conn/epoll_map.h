/*
 * epoll_map: finds the descriptor that belongs to the data that epoll_wait returns.
 *
 * A cache that epoll_ctl fills and epoll_wait reads. Programs such as nginx and asio store pointers
 * as data; the map converts them back to descriptors. If too many entries hash to the same place,
 * an older one is lost. Its data is then not found; it is never found wrong, unless the program
 * reuses the same data for another descriptor in a way that is not seen.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef CONN_EPOLL_MAP_H
#define CONN_EPOLL_MAP_H

#include <stdint.h>

void epoll_map_store(int epoll_fd, uint64_t data, int fd);
/* Returns the descriptor, or -1. */
int epoll_map_find(int epoll_fd, uint64_t data);

#endif
