#include "http/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <climits>

#include "base/check.h"

namespace rqlite::http {

struct Gzip::State {
  z_stream stream{};
};

Gzip::Gzip() : state_(std::make_unique<State>()) {
  constexpr int kLargestWindow = 15;
  constexpr int kAsGzip = 16;
  constexpr int kUsualMemory = 8;
  // Fails only for want of memory.
  CHECK(deflateInit2(&state_->stream, Z_BEST_SPEED, Z_DEFLATED, kLargestWindow + kAsGzip,
                     kUsualMemory, Z_DEFAULT_STRATEGY) == Z_OK);
}

Gzip::~Gzip() { deflateEnd(&state_->stream); }

void Gzip::run(BytesView plain, bool last, Bytes& to) {
  z_stream& stream = state_->stream;
  char out[32 * 1024];
  do {
    const std::size_t size = std::min<std::size_t>(plain.size(), INT_MAX);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
    stream.avail_in = static_cast<uInt>(size);
    plain.remove_prefix(size);
    do {
      stream.next_out = reinterpret_cast<Bytef*>(out);
      stream.avail_out = sizeof out;
      const int code = deflate(&stream, last && plain.empty() ? Z_FINISH : Z_NO_FLUSH);
      CHECK(code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR);
      to.append(out, sizeof out - stream.avail_out);
    } while (stream.avail_out == 0);
  } while (!plain.empty());
}

}  // namespace rqlite::http
