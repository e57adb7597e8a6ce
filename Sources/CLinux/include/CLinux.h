// What Glibc's Swift module lacks: flags behind _GNU_SOURCE, variadic calls, and CRC32C.
// Everything here is a thin, documented door; no policy lives in C.
#ifndef VARVE_CLINUX_H
#define VARVE_CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// CRC-32C (Castagnoli, reflected 0x82F63B78), as in RFC 3720 B.4. `crc` is the value so far, 0 to
// begin. Uses the SSE4.2 instruction where the processor has it, a table else; both give the same
// value.
uint32_t varve_crc32c(uint32_t crc, const void *bytes, size_t count);

// The table form alone, so that a test can hold the instruction against it.
uint32_t varve_crc32c_table(uint32_t crc, const void *bytes, size_t count);

// O_DIRECT, whose value differs by architecture and hides behind _GNU_SOURCE.
int varve_o_direct(void);

// open(2) with mode; variadic in C, so not importable.
int varve_open(const char *path, int flags, mode_t mode);

// fcntl(F_OFD_SETLK, F_WRLCK) on the whole file: 0, or -1 with errno (EAGAIN: held by someone
// else).
int varve_lock_file(int fd);

// setsockopt(TCP_CONGESTION); 0, or -1 with errno.
int varve_set_congestion(int fd, const char *name);

// accept4(2) with SOCK_CLOEXEC.
int varve_accept(int fd);

// sync_file_range(2): starts write-back of a range and does not wait; 0, or -1 with errno.
int varve_start_writeback(int fd, int64_t offset, int64_t count);

// madvise(MADV_HUGEPAGE) on a mapping; 0, or -1 with errno (a kernel without huge pages).
int varve_advise_huge(void *base, size_t count);

// prctl(PR_SET_NAME) on the calling thread: names show in top, gdb and perf.
void varve_name_thread(const char *name);

// Starts bringing the cache line at `address` in, for reading. Never faults.
static inline void varve_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }

// Bit i set: lane i of the 10 is `value`. The compiler makes vector comparisons of it.
static inline uint32_t varve_lanes_equal(const uint32_t *lanes, uint32_t value) {
  uint32_t equal = 0;
  for (uint32_t lane = 0; lane < 10; lane++) equal |= (uint32_t)(lanes[lane] == value) << lane;
  return equal;
}

#endif
