// How a function of the table answers: 0 and an untouched status, or 1 and code and message of an EngineError.
#pragma once

#include <stdint.h>

typedef struct HqqCudaStatus {
  char code[24];       // spelling of hqq::ErrorCode, e.g. "out-of-memory"; zero-terminated
  char message[1000];  // for a person; zero-terminated, cut when longer
} HqqCudaStatus;
