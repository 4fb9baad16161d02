#include "cluster/snapshot_source.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/random.h"
#include "cluster/packed_part.h"
#include "raft/members.h"
#include "store/outcome_journal.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;

// It is said again after so long that it does not arrive.
constexpr auto kSayAgainAfter = 10min;

Status gone() { return {Code::kUnavailable, "this snapshot is not held any more"}; }

}  // namespace

void SnapshotSource::announced(raft::RaftId to, bool sent) {
  if (!sent) return content_.report_snapshot(to, false);
  MutexLock lock(mutex_);
  Transfer& transfer = transfers_[to];
  transfer.used = clock_.now();
}

void SnapshotSource::offer(raft::RaftId to, OnOffer then) {
  // Others may be reading one that serves this member as well.
  std::shared_ptr<store::FrozenMain> shared;
  bool closed = false;
  {
    MutexLock lock(mutex_);
    closed = closed_;
    if (!closed) transfers_[to].waits = true;
    for (const auto& [other, transfer] : transfers_) {
      if (transfer.content &&
          raft::decode_members(transfer.content->record().conf_state).contains(to)) {
        shared = transfer.content;
      }
    }
  }
  if (closed) return then(gone());
  if (shared) return frozen(to, std::move(shared), then);
  content_.freeze(options_.patience, [this, to, then = std::move(then)](
                                         Result<std::unique_ptr<store::FrozenMain>> main) {
    if (!main.ok()) return refuse(to, main.error(), then);
    frozen(to, std::shared_ptr<store::FrozenMain>(std::move(*main)), then);
  });
}

void SnapshotSource::refuse(raft::RaftId to, const Status& why, const OnOffer& then) {
  {
    MutexLock lock(mutex_);
    if (const auto found = transfers_.find(to); found != transfers_.end()) {
      found->second.waits = false;
      found->second.used = clock_.now();
    }
  }
  then(why);
}

void SnapshotSource::frozen(raft::RaftId to, std::shared_ptr<store::FrozenMain> main,
                            const OnOffer& then) {
  SnapshotOffer offer;
  offer.record = main->record();
  // What has come of it is in no snapshot's main file; soon it replaces that, or is given up.
  if (offer.record.state.incoming) {
    return refuse(to, {Code::kUnavailable, "a database is being loaded"}, then);
  }
  const Result<std::uint64_t> size = main->size();
  if (!size.ok()) return refuse(to, size.error(), then);
  offer.main_bytes = *size;
  offer.wants_packing = options_.packs;
  offer.id = random_from_system();
  // What comes behind it is needed when it has arrived.
  content_.keep_log_after(to, offer.record.index);
  bool closed = false;
  bool is_news = false;
  {
    MutexLock lock(mutex_);
    closed = closed_;
    if (!closed) transfers_[to] = {offer.id, clock_.now(), false, std::move(main)};
    is_news = !is_failing(to);
  }
  if (closed) return then(gone());
  if (is_news) {
    log("snapshot", "sending the snapshot at {}, {} bytes, to {}", offer.record.index.to_string(),
        offer.main_bytes, content_.name_of(to));
  }
  then(std::move(offer));
}

void SnapshotSource::part(std::uint64_t id, SnapshotFile file, std::uint64_t offset, bool packed,
                          OnPart then) {
  std::shared_ptr<store::FrozenMain> content;
  {
    MutexLock lock(mutex_);
    for (auto& [to, transfer] : transfers_) {
      if (transfer.id != id || !transfer.content) continue;
      transfer.used = clock_.now();
      content = transfer.content;
    }
  }
  if (!content) return then(gone());
  reader_.post(
      [this, content = std::move(content), file, offset, packed, then = std::move(then)]() mutable {
        Result<Bytes> bytes = read(*content, file, offset);
        content.reset();  // whoever hears of the last part may find the file free
        if (!bytes.ok()) return then(std::move(bytes));
        const std::size_t size = bytes->size();
        Bytes part = encode_part(*std::move(bytes));
        if (packed) part = pack(part);
        keep_pace(size, part.size());
        then(std::move(part));
      });
}

Result<Bytes> SnapshotSource::read(store::FrozenMain& content, SnapshotFile file,
                                   std::uint64_t offset) {
  Bytes bytes(kPartBytes, '\0');
  Result<std::size_t> got = std::size_t{0};
  if (file == SnapshotFile::kMain) {
    got = content.read(offset, bytes.data(), bytes.size());
  } else {
    const store::OutcomeJournal::Extent& extent = content.record().state.journal;
    if (extent.sequence == 0 || offset >= extent.bytes) return Bytes();
    Result<std::unique_ptr<File>> journal = content_.open_journal(extent);
    if (!journal.ok()) return journal.error();
    bytes.resize(std::min<std::uint64_t>(bytes.size(), extent.bytes - offset));
    got = (*journal)->read(offset, bytes.data(), bytes.size());
  }
  if (!got.ok()) return got.error();
  bytes.resize(*got);
  return bytes;
}

void SnapshotSource::keep_pace(std::size_t bytes, std::size_t sent) {
  MutexLock lock(mutex_);
  counts_.bytes += sent;
  const auto takes = std::chrono::nanoseconds(static_cast<std::int64_t>(
      1e9 * static_cast<double>(bytes) / static_cast<double>(options_.bytes_per_second)));
  const TimePoint due = std::max(next_part_, clock_.now());
  next_part_ = due + takes;
  while (!closed_ && clock_.now() < due) clock_.wait_until(closing_, mutex_, due);
}

void SnapshotSource::done(raft::RaftId to, std::uint64_t id, bool arrived, const std::string& why) {
  end(to, arrived, why, [id](const Transfer& transfer) { return id == 0 || id == transfer.id; });
}

void SnapshotSource::end(raft::RaftId to, bool arrived, const std::string& why,
                         const std::function<bool(const Transfer&)>& counts) {
  Transfer ended;
  bool is_news = false;
  {
    MutexLock lock(mutex_);
    const auto found = transfers_.find(to);
    if (found == transfers_.end() || !counts(found->second)) return;
    ended = std::move(found->second);
    transfers_.erase(found);
    (arrived ? counts_.arrived : counts_.failed)++;
    is_news = !arrived && !is_failing(to);
    if (arrived) said_to_fail_.erase(to);
    if (is_news) said_to_fail_[to] = clock_.now();
  }
  if (is_news) {
    log("snapshot", "the snapshot did not arrive at {}, and is sent again until it does{}{}",
        content_.name_of(to), why.empty() ? "" : ": ", why);
  }
  content_.report_snapshot(to, arrived);
}

bool SnapshotSource::is_failing(raft::RaftId to) {
  const auto said = said_to_fail_.find(to);
  return said != said_to_fail_.end() && clock_.now() - said->second < kSayAgainAfter;
}

void SnapshotSource::expire() {
  const auto is_silent = [this](const Transfer& transfer) {
    return !transfer.waits && clock_.now() - transfer.used > options_.silence_max;
  };
  std::vector<raft::RaftId> silent;
  {
    MutexLock lock(mutex_);
    for (const auto& [to, transfer] : transfers_) {
      if (is_silent(transfer)) silent.push_back(to);
    }
  }
  for (const raft::RaftId to : silent) {
    end(to, false, "it does not fetch it", is_silent);
  }
}

void SnapshotSource::close() {
  std::map<raft::RaftId, Transfer> ended;
  {
    MutexLock lock(mutex_);
    closed_ = true;
    ended = std::exchange(transfers_, {});
  }
  closing_.notify_all();
}

SnapshotSource::Report SnapshotSource::report() {
  MutexLock lock(mutex_);
  Report report = counts_;
  report.running = transfers_.size();
  return report;
}

}  // namespace rqlite::cluster
