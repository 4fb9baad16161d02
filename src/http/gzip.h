#pragma once

#include <memory>

#include "base/bytes.h"

namespace rqlite::http {

// Makes one gzip stream, as fast as it can be made. Not thread-safe.
class Gzip {
 public:
  Gzip();
  ~Gzip();
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  // Appends to `to` what is ready; it may be nothing.
  void add(BytesView plain, Bytes& to) { run(plain, false, to); }
  // Appends the rest. Nothing may be added afterwards.
  void finish(Bytes& to) { run({}, true, to); }

 private:
  void run(BytesView plain, bool last, Bytes& to);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rqlite::http
