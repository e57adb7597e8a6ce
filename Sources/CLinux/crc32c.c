#include "CLinux.h"

#include <pthread.h>
#include <string.h>

static uint32_t table[256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void make_table(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ (value & 1 ? 0x82F63B78u : 0);
    table[i] = value;
  }
}

uint32_t varve_crc32c_table(uint32_t crc, const void *bytes, size_t count) {
  pthread_once(&table_once, make_table);
  const uint8_t *at = bytes;
  uint32_t value = ~crc;
  for (size_t i = 0; i < count; i++) value = table[(value ^ at[i]) & 0xFF] ^ (value >> 8);
  return ~value;
}

#if defined(__x86_64__)
// One instruction a step has a latency of three cycles: about 8 bytes each ns. Headers, blocks and
// footers are kilobytes; interleaving three streams would pay only for megabytes.
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse(uint32_t crc, const uint8_t *at,
                                                             size_t count) {
  uint64_t value = ~crc & 0xFFFFFFFFu;
  for (; count >= 8; count -= 8, at += 8) {
    uint64_t word;
    memcpy(&word, at, 8);
    value = __builtin_ia32_crc32di(value, word);
  }
  uint32_t narrow = (uint32_t)value;
  for (; count > 0; count--, at++) narrow = __builtin_ia32_crc32qi(narrow, *at);
  return ~narrow;
}
#endif

uint32_t varve_crc32c(uint32_t crc, const void *bytes, size_t count) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return crc32c_sse(crc, bytes, count);
#endif
  return varve_crc32c_table(crc, bytes, count);
}
