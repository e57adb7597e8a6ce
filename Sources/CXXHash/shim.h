// libxxhash, as fast as this processor can: on x86-64 plain <xxhash.h> means SSE2 for ever, while
// the library picks AVX2 or AVX-512 when it is asked through its dispatcher (the same values).
#ifndef VARVE_CXXHASH_H
#define VARVE_CXXHASH_H

#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h>
#else
#include <xxhash.h>
#endif

// The dispatcher takes the place of the functions by macros, which Swift does not see.
static inline XXH64_hash_t varve_xxh3(const void *bytes, size_t count) {
  return XXH3_64bits(bytes, count);
}

static inline XXH_errorcode varve_xxh3_update(XXH3_state_t *state, const void *bytes,
                                              size_t count) {
  return XXH3_64bits_update(state, bytes, count);
}

#endif
