// What ceilings need beside Swift: reads of memory that the processor was told of in time, and
// epoll, which Glibc's Swift module lacks.
#ifndef VARVE_CBENCH_H
#define VARVE_CBENCH_H

#include <stddef.h>
#include <stdint.h>

// Reads the 64-byte line of `table` that each of `count` hashes falls on, each prefetched `count`
// reads at most ahead; `lines` is the table's size. Returns what was read, so that it is read.
uint64_t varve_prefetched_reads(const uint64_t *table, uint64_t lines, const uint64_t *hashes,
                                size_t count);

// epoll_create1 with EPOLL_CLOEXEC.
int varve_epoll(void);

// Watches `fd` (`isNew`: for the first time) until it can be written, or else read: 0, or -1 with
// errno.
int varve_epoll_watch(int epoll, int fd, int isNew, int forWriting);

// Waits for some of those watched, at most `most`, and puts them into `fds`; their count, or -1
// with errno.
int varve_epoll_wait(int epoll, int *fds, int most);

#endif
