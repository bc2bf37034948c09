// Early return on a bad absl::Status. Deletable once abseil ships status macros.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/error.h"

// TATAMI_RETURN_IF_ERROR(expr) or TATAMI_RETURN_IF_ERROR(expr, "while placing x"):
// the second form adds what only this layer knows and keeps code and payload.
#define TATAMI_RETURN_IF_ERROR(expr, ...)                                             \
  do {                                                                                \
    if (absl::Status tatami_status = (expr); !tatami_status.ok()) {                   \
      return ::tatami::Annotate(std::move(tatami_status) __VA_OPT__(, ) __VA_ARGS__); \
    }                                                                                 \
  } while (false)

#define TATAMI_CONCAT_INNER(a, b) a##b
#define TATAMI_CONCAT(a, b) TATAMI_CONCAT_INNER(a, b)

// TATAMI_ASSIGN_OR_RETURN(auto x, expr) or with a context string as third argument.
#define TATAMI_ASSIGN_OR_RETURN(lhs, expr, ...)                              \
  auto TATAMI_CONCAT(tatami_or_, __LINE__) = (expr);                         \
  if (!TATAMI_CONCAT(tatami_or_, __LINE__).ok()) {                           \
    return ::tatami::Annotate(std::move(TATAMI_CONCAT(tatami_or_, __LINE__)) \
                                  .status() __VA_OPT__(, ) __VA_ARGS__);     \
  }                                                                          \
  lhs = *std::move(TATAMI_CONCAT(tatami_or_, __LINE__))
