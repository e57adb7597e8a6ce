// The ceiling of a look-up by fingerprints: random reads of memory that the processor was told of
// in time, and nothing else.
#ifndef VARVE_CBENCH_H
#define VARVE_CBENCH_H

#include <stddef.h>
#include <stdint.h>

// Reads the 64-byte line of `table` that each of `count` hashes falls on, each prefetched `count`
// reads at most ahead; `lines` is the table's size. Returns what was read, so that it is read.
uint64_t varve_prefetched_reads(const uint64_t *table, uint64_t lines, const uint64_t *hashes,
                                size_t count);

#endif
