#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

int varve_o_direct(void) { return O_DIRECT; }

int varve_open(const char *path, int flags, mode_t mode) {
  return open(path, flags, mode);
}

int varve_lock_file(int fd) {
  struct flock lock;
  memset(&lock, 0, sizeof lock);
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return fcntl(fd, F_OFD_SETLK, &lock);
}

int varve_set_congestion(int fd, const char *name) {
  return setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name));
}

int varve_accept(int fd) { return accept4(fd, NULL, NULL, SOCK_CLOEXEC); }

int varve_start_writeback(int fd, int64_t offset, int64_t count) {
  return sync_file_range(fd, offset, count, SYNC_FILE_RANGE_WRITE);
}

int varve_advise_huge(void *base, size_t count) { return madvise(base, count, MADV_HUGEPAGE); }

void varve_name_thread(const char *name) {
  // The kernel keeps 15 bytes and a zero.
  char short_name[16] = {0};
  strncpy(short_name, name, 15);
  prctl(PR_SET_NAME, short_name, 0, 0, 0);
}
