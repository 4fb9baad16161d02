#include "net/certificate_files.h"

#include <algorithm>
#include <utility>

namespace rqlite::net {

using namespace std::chrono_literals;

namespace {

// Stamps are as fine as the system's clock at best, and as whole seconds at worst.
constexpr auto kStampGrain = 2s;
// A pair that is replaced while it is read is read again, so often at once.
constexpr int kReadTries = 3;
// No certificate needs more; a path that names something else should not fill the memory.
constexpr std::uint64_t kFileBytesMax = 4 << 20;

}  // namespace

CertificateFiles::CertificateFiles(FileSystem& files, const Clock& clock, std::string certificate,
                                   std::string key)
    : files_(files), clock_(clock), certificate_(std::move(certificate)), key_(std::move(key)) {}

Result<std::optional<CertificateFiles::Texts>> CertificateFiles::read_if_new() {
  Result<Stamps> stamps = look();
  if (!stamps.ok()) return stamps.error();
  if (known_ == *stamps) return std::optional<Texts>();
  Texts texts;
  for (int i = 0; i < kReadTries; i++) {
    const WallTime began = clock_.wall_now();
    Result<Texts> got = read();
    if (!got.ok()) return got.error();
    texts = *std::move(got);
    known_.reset();
    Result<Stamps> after = look();
    if (!after.ok()) return after.error();
    if (*after == *stamps) {
      const WallTime newest = std::max(stamps->certificate.changed, stamps->key.changed);
      if (newest + kStampGrain < began) known_ = *stamps;
      break;
    }
    stamps = std::move(after);
  }
  if (last_ == texts) return std::optional<Texts>();
  last_ = texts;
  return std::optional<Texts>(std::move(texts));
}

Result<CertificateFiles::Stamps> CertificateFiles::look() {
  Result<FileStamp> certificate = files_.stamp(certificate_);
  if (!certificate.ok()) return certificate.error();
  Result<FileStamp> key = files_.stamp(key_);
  if (!key.ok()) return key.error();
  for (const auto& [path, stamp] : {std::pair(&certificate_, *certificate), {&key_, *key}}) {
    if (stamp.size > kFileBytesMax) {
      return Status(Code::kInvalid, *path + " is too large to be a certificate or a key");
    }
  }
  return Stamps{*certificate, *key};
}

Result<CertificateFiles::Texts> CertificateFiles::read() {
  Result<Bytes> certificate = files_.read_file(certificate_);
  if (!certificate.ok()) return certificate.error();
  Result<Bytes> key = files_.read_file(key_);
  if (!key.ok()) return key.error();
  return Texts{*std::move(certificate), *std::move(key)};
}

}  // namespace rqlite::net
