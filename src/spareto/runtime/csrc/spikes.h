/* What the integer kernels share. */
#ifndef SPARETO_SPIKES_H
#define SPARETO_SPIKES_H
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))
#endif
