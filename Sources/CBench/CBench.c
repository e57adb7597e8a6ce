#include "CBench.h"

#include <sys/epoll.h>

// Where a hash falls: the high half of the product, as even as a remainder, without a division.
static inline const uint64_t *line(const uint64_t *table, uint64_t lines, uint64_t hash) {
  return table + (uint64_t)(((unsigned __int128)hash * lines) >> 64) * 8;
}

uint64_t varve_prefetched_reads(const uint64_t *table, uint64_t lines, const uint64_t *hashes,
                                size_t count) {
  // Far enough ahead to hide a miss, near enough for the processor's few dozen open misses.
  enum { ahead = 16 };
  uint64_t sum = 0;
  for (size_t index = 0; index < ahead && index < count; index++)
    __builtin_prefetch(line(table, lines, hashes[index]));
  for (size_t index = 0; index < count; index++) {
    if (index + ahead < count) __builtin_prefetch(line(table, lines, hashes[index + ahead]));
    sum += *line(table, lines, hashes[index]);
  }
  return sum;
}

int varve_epoll(void) { return epoll_create1(EPOLL_CLOEXEC); }

int varve_epoll_watch(int epoll, int fd, int isNew, int forWriting) {
  struct epoll_event event = {.events = forWriting ? EPOLLOUT : EPOLLIN, .data.fd = fd};
  return epoll_ctl(epoll, isNew ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
}

int varve_epoll_wait(int epoll, int *fds, int most) {
  struct epoll_event events[64];
  int count = epoll_wait(epoll, events, most < 64 ? most : 64, -1);
  for (int index = 0; index < count; index++) fds[index] = events[index].data.fd;
  return count;
}
