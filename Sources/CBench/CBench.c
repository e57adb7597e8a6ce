#include "CBench.h"

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
