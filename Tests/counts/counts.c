// Counts what a process asks of the allocator, of memcpy and of the kernel. Preloaded before
// varved, it keeps its numbers in the file that VARVE_COUNTS names; count_paths.py reads them.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

// In the order of count_paths.py's NAMES.
enum { allocations, copiedBytes, sends, receives, reads, writes, syncs, slots };

// Below this a copy is of heads and messages, not of pages.
static const size_t copyBytesMin = 4096;

// Where counts go before the file is mapped.
static _Atomic uint64_t early[slots];
static _Atomic uint64_t *counts = early;

static void add(int slot, uint64_t amount) {
  atomic_fetch_add_explicit(&counts[slot], amount, memory_order_relaxed);
}

__attribute__((constructor)) static void map(void) {
  const char *path = getenv("VARVE_COUNTS");
  if (!path) return;
  int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0 || ftruncate(file, 4096) != 0) return;
  void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (memory != MAP_FAILED) counts = memory;
}

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static void *counted(void *memory) {
  add(allocations, 1);
  return memory;
}

void *malloc(size_t bytes) { return counted(__libc_malloc(bytes)); }
void *calloc(size_t count, size_t bytes) { return counted(__libc_calloc(count, bytes)); }
void *realloc(void *old, size_t bytes) { return counted(__libc_realloc(old, bytes)); }
void *memalign(size_t to, size_t bytes) { return counted(__libc_memalign(to, bytes)); }
void *aligned_alloc(size_t to, size_t bytes) { return memalign(to, bytes); }
int posix_memalign(void **memory, size_t to, size_t bytes) {
  *memory = memalign(to, bytes);
  return *memory ? 0 : ENOMEM;
}

static void *move(void *to, const void *from, size_t bytes) {
  if (bytes >= copyBytesMin) add(copiedBytes, bytes);
  // Volatile, or the compiler makes a call of memcpy of it.
  volatile char *target = to;
  const char *source = from;
  if ((uintptr_t)to - (uintptr_t)from >= bytes) {
    for (size_t at = 0; at < bytes; at++) target[at] = source[at];
  } else {
    for (size_t at = bytes; at > 0; at--) target[at - 1] = source[at - 1];
  }
  return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
  return move(to, from, bytes);
}
void *memmove(void *to, const void *from, size_t bytes) { return move(to, from, bytes); }

// The function of that name behind this library, counted.
#define FORWARD(slot, type, name, parameters, arguments)                  \
  type name parameters {                                                  \
    static type(*next) parameters;                                        \
    if (!next) next = (type(*) parameters)dlsym(RTLD_NEXT, #name);        \
    add(slot, 1);                                                         \
    return next arguments;                                                \
  }
FORWARD(sends, ssize_t, send, (int f, const void *b, size_t n, int g), (f, b, n, g))
FORWARD(sends, ssize_t, sendmsg, (int f, const struct msghdr *m, int g), (f, m, g))
FORWARD(receives, ssize_t, recv, (int f, void *b, size_t n, int g), (f, b, n, g))
FORWARD(receives, ssize_t, recvmsg, (int f, struct msghdr *m, int g), (f, m, g))
FORWARD(reads, ssize_t, pread, (int f, void *b, size_t n, off_t o), (f, b, n, o))
FORWARD(reads, ssize_t, preadv, (int f, const struct iovec *v, int n, off_t o), (f, v, n, o))
FORWARD(writes, ssize_t, pwrite, (int f, const void *b, size_t n, off_t o), (f, b, n, o))
FORWARD(writes, ssize_t, pwritev, (int f, const struct iovec *v, int n, off_t o), (f, v, n, o))
FORWARD(syncs, int, fdatasync, (int f), (f))
FORWARD(syncs, int, fsync, (int f), (f))
