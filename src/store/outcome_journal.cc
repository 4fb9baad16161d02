#include "store/outcome_journal.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <utility>

#include "raft/log_recovery.h"

namespace rqlite::store {
namespace {

constexpr std::string_view kPrefix = "outcomes-";
// Below this, a file full of what is no longer kept is no trouble.
constexpr std::size_t kRewriteFrom = 1 << 20;

Bytes frames_of(const std::vector<OutcomeRecord>& records) {
  Bytes frames;
  for (const OutcomeRecord& each : records) {
    append_number(frames, static_cast<std::uint32_t>(each->size()));
    frames += *each;
  }
  return frames;
}

}  // namespace

struct OutcomeJournal::Checksum {
  Checksum() : state(XXH3_createState()) { XXH3_64bits_reset(state); }
  ~Checksum() { XXH3_freeState(state); }
  Checksum(const Checksum&) = delete;
  Checksum& operator=(const Checksum&) = delete;

  std::uint64_t add(BytesView bytes) {
    XXH3_64bits_update(state, bytes.data(), bytes.size());
    return XXH3_64bits_digest(state);
  }

  XXH3_state_t* state;
};

OutcomeJournal::OutcomeJournal(FileSystem& files, std::string directory, const Extent& extent)
    : files_(files),
      directory_(std::move(directory)),
      checksum_(std::make_unique<Checksum>()),
      extent_(extent) {}

OutcomeJournal::~OutcomeJournal() = default;

Result<std::unique_ptr<OutcomeJournal>> OutcomeJournal::open(FileSystem& files,
                                                             std::string directory,
                                                             const Extent& extent,
                                                             const Sink& sink) {
  std::unique_ptr<OutcomeJournal> journal(new OutcomeJournal(files, std::move(directory), extent));
  if (extent.sequence != 0) {
    if (Status status = journal->read(extent, sink); !status.ok()) return status;
  }
  if (Status status = journal->remove_others(); !status.ok()) return status;
  return journal;
}

std::string OutcomeJournal::path(std::uint64_t sequence) const {
  return file_of(directory_, {sequence, 0, 0});
}

std::string OutcomeJournal::file_of(const std::string& directory, const Extent& extent) {
  return fmt::format("{}/{}{}", directory, kPrefix, extent.sequence);
}

bool OutcomeJournal::read_records(BytesView bytes, const Extent& extent, const Sink& sink) {
  if (bytes.size() != extent.bytes || Checksum().add(bytes) != extent.checksum) return false;
  while (!bytes.empty()) {
    if (bytes.size() < 4) return false;
    const auto length = load_number<std::uint32_t>(bytes.data());
    if (length > bytes.size() - 4) return false;
    sink(std::make_shared<const Bytes>(bytes.substr(4, length)));
    bytes.remove_prefix(4 + length);
  }
  return true;
}

Status OutcomeJournal::read(const Extent& extent, const Sink& sink) {
  const std::string name = path(extent.sequence);
  const Status damaged(
      Code::kFailed,
      fmt::format("{} is damaged or missing. What this node acknowledged may be applied twice "
                  "without it, so it does not start. {}",
                  name, raft::kDataIsOfNoUse));
  Result<std::unique_ptr<File>> file = files_.open(name, FileSystem::Open::kExisting);
  if (!file.ok()) return damaged;
  file_ = std::move(*file);
  Result<std::uint64_t> size = file_->size();
  if (!size.ok()) return size.error();
  if (*size < extent.bytes) return damaged;
  Bytes bytes(extent.bytes, '\0');
  Result<std::size_t> got = file_->read(0, bytes.data(), bytes.size());
  if (!got.ok()) return got.error();
  if (*got != bytes.size() || !read_records(bytes, extent, sink)) return damaged;
  (void)checksum_->add(bytes);  // goes on with what is appended
  return {};
}

Status OutcomeJournal::remove_others() {
  Result<std::vector<std::string>> names = files_.list(directory_);
  if (!names.ok()) return names.error();
  for (const std::string& name : *names) {
    if (!name.starts_with(kPrefix) || directory_ + "/" + name == path(extent_.sequence)) continue;
    RETURN_IF_ERROR(files_.remove(directory_ + "/" + name));
  }
  return {};
}

Status OutcomeJournal::append(const std::vector<OutcomeRecord>& records) {
  if (records.empty()) return {};
  if (!file_) return rewrite(records);
  const Bytes frames = frames_of(records);
  RETURN_IF_ERROR(file_->write(extent_.bytes, frames));
  RETURN_IF_ERROR(file_->sync_data());
  extent_.bytes += frames.size();
  extent_.checksum = checksum_->add(frames);
  return {};
}

Status OutcomeJournal::rewrite(const std::vector<OutcomeRecord>& records) {
  const std::uint64_t sequence = extent_.sequence + 1;
  Result<std::unique_ptr<File>> file =
      files_.open(path(sequence), FileSystem::Open::kCreateOrTruncate);
  if (!file.ok()) return file.error();
  const Bytes frames = frames_of(records);
  RETURN_IF_ERROR((*file)->write(0, frames));
  RETURN_IF_ERROR((*file)->sync_data());
  RETURN_IF_ERROR(files_.sync_directory(directory_));
  // If the last one has not been dropped, no snapshot ever named it but the one before.
  if (old_ == 0) old_ = extent_.sequence;
  file_ = std::move(*file);
  checksum_ = std::make_unique<Checksum>();
  extent_ = {sequence, frames.size(), checksum_->add(frames)};
  return {};
}

bool OutcomeJournal::wants_rewrite(std::size_t live_bytes) const {
  return extent_.bytes > kRewriteFrom && extent_.bytes / 2 > live_bytes;
}

Status OutcomeJournal::drop_old() {
  if (old_ == 0) return {};
  for (std::uint64_t each = std::exchange(old_, 0); each < extent_.sequence; each++) {
    RETURN_IF_ERROR(files_.remove(path(each)));
  }
  return {};
}

}  // namespace rqlite::store
