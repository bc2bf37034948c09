// TATAMI_CHECK: for our own bugs only. What input, configuration, hardware or the
// network can cause is an absl::Status (core/error.h). Deletable once abseil >=
// 20230125 (absl/log/check.h) is in the distribution.
#pragma once

#include <cstdlib>
#include <iostream>
#include <sstream>

namespace tatami::internal_check {

// Prints the collected message and aborts when it dies at the end of the statement.
class Failure {
 public:
  Failure(const char* file, int line, const char* condition) {
    stream_ << file << ":" << line << ": bug in Tatami: " << condition << " ";
  }
  [[noreturn]] ~Failure() {
    std::cerr << stream_.str() << std::endl;
    std::abort();
  }
  std::ostream& stream() { return stream_; }

 private:
  std::ostringstream stream_;
};

// Turns `stream << ...` into void so that the ternary in TATAMI_CHECK has one type.
struct Voidify {
  void operator&(std::ostream&) const {}
};

}  // namespace tatami::internal_check

#define TATAMI_CHECK(condition)               \
  (condition)                                 \
      ? (void)0                               \
      : ::tatami::internal_check::Voidify() & \
            ::tatami::internal_check::Failure(__FILE__, __LINE__, #condition).stream()
