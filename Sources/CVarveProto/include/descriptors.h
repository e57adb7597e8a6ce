/* Made by Protos/generate.sh: do not edit. */
#ifndef VARVE_DESCRIPTORS_H
#define VARVE_DESCRIPTORS_H
#include <stddef.h>
const unsigned char *varve_descriptors_start(void);
extern const size_t varve_descriptors_bytes;
#endif
