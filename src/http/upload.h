#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/executor.h"
#include "base/file_system.h"
#include "base/result.h"
#include "net/message.h"

namespace rqlite::http {

// A body on its way into a file, or, if it is not large, in memory. The file goes with the upload,
// unless somebody takes it over.
//
// Threads: write() on the connection's, the file on `worker`'s; everything else after the last
// write() is done.
class Upload final : public net::BodySink, public std::enable_shared_from_this<Upload> {
 public:
  // So much stays in memory.
  static constexpr std::size_t kMemoryBytes = 1 << 20;

  // `path` is that of a file which does not exist. `worker` and `files` must outlive *this.
  Upload(Executor& worker, FileSystem& files, std::string path)
      : worker_(worker), files_(files), path_(std::move(path)) {}
  ~Upload() override;
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  void write(Bytes piece, std::function<void(const Status&)> done) override;
  // Takes the next piece at once. False: it is more than stays in memory.
  bool keep(BytesView piece);

  [[nodiscard]] std::uint64_t size() const { return size_; }
  // Whether it begins as a file of SQLite's does.
  [[nodiscard]] bool is_database() const;
  // Its first bytes, at least as many as is_database() looks at.
  [[nodiscard]] BytesView head() const { return head_; }

  // What there is from `offset` on, as much as is worth a read; nothing at its end. `then` is
  // called on this thread or the worker's.
  void read(std::uint64_t offset, std::function<void(Result<Bytes>)> then);
  // All of it, if it is not more than `bytes_max`; else kTooLarge. Blocks.
  Result<Bytes> content(std::size_t bytes_max);
  // The path of a file with all of it, which belongs to the caller from now on. Blocks.
  Result<std::string> take_file();

 private:
  Status append(BytesView piece);

  Executor& worker_;
  FileSystem& files_;
  const std::string path_;
  Bytes head_;  // all of it, while there is no file
  std::unique_ptr<File> file_;
  std::uint64_t size_ = 0;
};

}  // namespace rqlite::http
