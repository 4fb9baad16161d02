#include "http/upload_source.h"

#include <utility>

namespace rqlite::http {
namespace {

class UploadSource final : public net::BodySource {
 public:
  explicit UploadSource(std::shared_ptr<Upload> upload) : upload_(std::move(upload)) {}

  void next(Then then) override {
    upload_->read(at_, [this, then = std::move(then)](Result<Bytes> piece) {
      if (piece.ok()) at_ += piece->size();
      then(std::move(piece));
    });
  }

 private:
  const std::shared_ptr<Upload> upload_;
  std::uint64_t at_ = 0;
};

}  // namespace

std::shared_ptr<net::BodySource> source_of(std::shared_ptr<Upload> upload) {
  return std::make_shared<UploadSource>(std::move(upload));
}

}  // namespace rqlite::http
