#include "store/request_reads.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/check.h"
#include "command/command.h"
#include "store/statement_runner.h"

namespace rqlite::store {
namespace {

// Texts of so many bytes are compiled on a thread that serves others.
constexpr std::size_t kShortRequest = 16 * 1024;

// nullopt if that would take to compile more than `bytes_max` of the statements.
std::optional<bool> only_reads(const ReaderPool::Reader& reader, BytesView batch,
                               std::size_t bytes_max) {
  const std::optional<command::Command> decoded = command::decode_command(batch);
  CHECK(decoded && decoded->requests.size() == 1);
  command::RequestReader request(decoded->requests.front());
  reader.forget_stale_statements();
  std::size_t bytes = 0;
  while (request.next()) {
    if (request.sql().empty()) continue;
    // A short text costs something too.
    bytes += 128 + request.sql().size();
    if (bytes > bytes_max) return std::nullopt;
    sqlite::Error error;
    if (kind_of_first(reader.connection(), reader.cache(), request.sql(), error) !=
        StatementKind::kRead) {
      return false;
    }
  }
  return true;
}

}  // namespace

void find_out_if_reads(ReaderPool& readers, BytesView batch, std::function<void(bool)> then) {
  if (std::optional<ReaderPool::Reader> reader = readers.try_take()) {
    const std::optional<bool> reads = only_reads(*reader, batch, kShortRequest);
    reader.reset();
    if (reads) return then(*reads);
  }
  readers.submit(
      [then = std::move(then), encoded = Bytes(batch)](const Result<ReaderPool::Reader>& reader) {
        // The way of writes knows best why nothing works.
        then(reader.ok() && *only_reads(*reader, encoded, SIZE_MAX));
      });
}

}  // namespace rqlite::store
