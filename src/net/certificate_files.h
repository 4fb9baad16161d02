#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file_system.h"

namespace rqlite::net {

// A certificate's file and that of its key, either of which may be replaced at any time, in one
// step or in several.
//
// Not thread-safe. `files` and `clock` must outlive it.
class CertificateFiles {
 public:
  CertificateFiles(FileSystem& files, const Clock& clock, std::string certificate, std::string key);

  // What the two hold, as it is.
  struct Texts {
    Bytes certificate;
    Bytes key;

    friend bool operator==(const Texts&, const Texts&) = default;
  };
  // Nullopt if they hold what the last call that got something got. Looks at the files' stamps, and
  // reads only what may have changed. Fails if a file cannot be read, and tries again next time.
  Result<std::optional<Texts>> read_if_new();

  [[nodiscard]] const std::string& certificate_path() const { return certificate_; }
  [[nodiscard]] const std::string& key_path() const { return key_; }

 private:
  struct Stamps {
    FileStamp certificate;
    FileStamp key;

    friend bool operator==(const Stamps&, const Stamps&) = default;
  };
  Result<Stamps> look();
  Result<Texts> read();

  FileSystem& files_;
  const Clock& clock_;
  const std::string certificate_;
  const std::string key_;
  std::optional<Texts> last_;
  // Of the files when last_ was read; nullopt if they were so fresh that a change right afterwards
  // might not show.
  std::optional<Stamps> known_;
};

}  // namespace rqlite::net
