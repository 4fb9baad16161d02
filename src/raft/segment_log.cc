#include "raft/segment_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/random.h"
#include "raft/log_recovery.h"

namespace rqlite::raft {
namespace {

// What a run begins with: that it does, the state, and perhaps the log's restart.
constexpr std::size_t kRunBytes = 2 * record_bytes(0) + record_bytes(kStatePayloadBytes);

// What a segment needs beside entries: all that, its own state and its seal.
constexpr std::size_t kOverheadBytes =
    kRunBytes + record_bytes(kStatePayloadBytes) + record_bytes(0);

// Smaller payloads are copied next to their headers, which is cheaper than a part of an iovec.
constexpr std::size_t kBorrowedBytesMin = 1024;

// Room that reserve() never gives to entries, so that votes and terms can be written while the
// disk is full.
constexpr std::size_t kStateReserveBytes = 64 * record_bytes(kStatePayloadBytes);

}  // namespace

SegmentLog::SegmentLog(FileSystem& files, Executor& executor, Options options)
    : files_(files),
      options_(std::move(options)),
      spare_(files, executor, {options_.directory, options_.segment_bytes, options_.recycled_max}) {
}

SegmentLog::~SegmentLog() = default;

Result<std::unique_ptr<SegmentLog>> SegmentLog::open(FileSystem& files, Executor& executor,
                                                     Options options, const Snapshot& snapshot,
                                                     Replay& to, Recovered& recovered) {
  CHECK(options.segment_bytes >= kSegmentHeaderBytes + kOverheadBytes + kStateReserveBytes);
  std::unique_ptr<SegmentLog> log(new SegmentLog(files, executor, std::move(options)));
  if (Status status = log->recover(snapshot, to, recovered); !status.ok()) return status;
  return log;
}

Status SegmentLog::make(FileSystem& files, Executor& executor, const Options& options) {
  // There is nothing to replay.
  class Nothing final : public Replay {
   public:
    void entry(const EntryView&) override { CHECK(false); }
    void restart() override {}
  };
  Nothing nothing;
  Recovered recovered;
  return open(files, executor, options, Snapshot(), nothing, recovered).status();
}

Status SegmentLog::recover(const Snapshot& snapshot, Replay& to, Recovered& recovered) {
  LogRecovery recovery(files_, options_.directory, snapshot, to);
  RETURN_IF_ERROR(recovery.run());
  for (const std::string& path : recovery.leftovers()) RETURN_IF_ERROR(files_.remove(path));
  RETURN_IF_ERROR(keep_spare(recovery.take_empty()));
  segments_ = recovery.take_segments();
  if (segments_.empty()) {
    Result<Segment> first = make_segment(files_, options_.directory, 1, random_from_system(),
                                         options_.segment_bytes, "");
    if (!first.ok()) return first.error();
    segments_.push_back(std::move(*first));
  }
  recovered = recovery.take_recovered();
  hard_state_ = recovered.hard_state.value_or(HardState{});
  last_ = recovered.last;
  if (recovery.is_void()) void_before_ = snapshot.term;
  run_ = recovery.run_of_last().value_or(0);
  batch_start_ = segments_.back().end;
  spare_.prepare(segments_.back().sequence + 1);
  return {};
}

Status SegmentLog::keep_spare(std::deque<Segment> empty) {
  if (!empty.empty() && empty.front().bytes == options_.segment_bytes) {
    spare_.adopt(std::move(empty.front()));
    empty.pop_front();
  }
  for (; !empty.empty(); empty.pop_back()) RETURN_IF_ERROR(files_.remove(empty.back().path));
  return {};
}

Status SegmentLog::reserve(std::size_t entries, std::size_t bytes) {
  const std::uint64_t need =
      bytes + entries * record_bytes(7) + kOverheadBytes + kStateReserveBytes;
  const Segment& last = segments_.back();
  if (last.end + need <= last.bytes) return {};
  spare_.prepare(last.sequence + 1);
  if (kSegmentHeaderBytes + need <= options_.segment_bytes) {
    if (spare_.wait()) return {};
  } else if (reserve_huge(need).ok()) {
    return {};
  }
  return {Code::kDiskFull, "disk is full: there is no room for the log"};
}

bool SegmentLog::has_room() {
  spare_.prepare(segments_.back().sequence + 1);
  return !spare_.is_refused();
}

// An entry beyond the usual size gets a segment of its own size. The room is taken now, so that
// the append cannot fail for want of it. The spare so far may be what an earlier call reserved: it
// gives its name to the new one only when that is there.
Status SegmentLog::reserve_huge(std::uint64_t need) {
  Result<Segment> spare = spare_.take();
  if (spare.ok() && kSegmentHeaderBytes + need <= spare->bytes) {
    spare_.adopt(std::move(*spare));
    return {};
  }
  Result<Segment> made =
      make_segment_unwritten(files_, options_.directory, segments_.back().sequence + 1,
                             random_from_system(), kSegmentHeaderBytes + need);
  if (made.ok()) {
    spare_.adopt(std::move(*made));
  } else if (spare.ok() && made.error().code() == Code::kDiskFull) {
    spare_.adopt(std::move(*spare));
  }
  return made.status();
}

Status SegmentLog::append(const std::optional<HardState>& hard_state,
                          std::span<const EntryView> entries) {
  if (!entries.empty()) {
    // What is replaced goes first: should the batch be torn, the commit index in the state must
    // not take old entries for those that it means.
    forget_entries_from(segments_, entries.front().index);
    last_ = std::min(last_, Index(entries.front().index.value() - 1));
  }
  if (hard_state) {
    hard_state_ = *hard_state;
    RETURN_IF_ERROR(add(RecordType::kState, last_, hard_state_.term, encode_state(hard_state_)));
  }
  for (const EntryView& entry : entries) {
    RETURN_IF_ERROR(add(record_type(entry.kind), entry.index, entry.term, entry.data));
    last_ = entry.index;
  }
  return flush();
}

Status SegmentLog::begin_run() {
  run_begun_ = true;
  // A seal in front of the run's first record would belong to neither run, and so would a state:
  // if there is no room for them all, the seal is the last record of the run before.
  if (!fits(kRunBytes)) RETURN_IF_ERROR(roll(kRunBytes));
  run_ = static_cast<std::uint32_t>(random_from_system());
  put(RecordType::kOpen, Index(), Term(), {});
  // In front of the state, which says that the log reaches as far.
  if (void_before_) {
    put(RecordType::kStart, last_, *std::exchange(void_before_, std::nullopt), {});
  }
  put_state();
  return {};
}

Status SegmentLog::add(RecordType type, Index index, Term term, BytesView payload) {
  if (!run_begun_) RETURN_IF_ERROR(begin_run());
  if (const std::size_t size = record_bytes(payload.size()); !fits(size)) {
    RETURN_IF_ERROR(roll(size));
    // Every segment begins with the state, so that those before it can be released.
    put_state();
  }
  put(type, index, term, payload);
  return {};
}

void SegmentLog::put(RecordType type, Index index, Term term, BytesView payload) {
  Segment& segment = segments_.back();
  if (type == RecordType::kEntry || type == RecordType::kChange) {
    if (!segment.has_entries()) segment.first = index;
    CHECK(segment.entries_end() == index);
    segment.offsets.push_back(static_cast<std::uint32_t>(segment.end / 8));
  }
  const std::size_t size = record_bytes(payload.size());
  segment.end += size;

  const Record record{.type = type,
                      .run = run_,
                      .batch = static_cast<std::uint32_t>(batch_start_),
                      .index = index,
                      .term = term,
                      .payload = payload};
  char header[kRecordHeaderBytes];
  encode_record_header(record, segment.salt, header);
  frames_.append(header, sizeof header);
  if (payload.size() < kBorrowedBytesMin) {
    frames_.append(payload);
  } else {
    borrowed_.push_back({frames_.size(), payload});
  }
  frames_.append(size - kRecordHeaderBytes - payload.size(), '\0');
}

void SegmentLog::put_state() {
  put(RecordType::kState, last_, hard_state_.term, encode_state(hard_state_));
}

bool SegmentLog::fits(std::uint64_t bytes) const {
  return segments_.back().end + bytes + record_bytes(0) <= segments_.back().bytes;
}

Status SegmentLog::flush() {
  if (frames_.empty()) return {};
  Segment& segment = segments_.back();
  std::vector<iovec> io;
  std::size_t at = 0;
  for (const Borrowed& part : borrowed_) {
    io.push_back({&frames_[at], part.at - at});
    io.push_back({const_cast<char*>(part.payload.data()), part.payload.size()});
    at = part.at;
  }
  if (at < frames_.size()) io.push_back({&frames_[at], frames_.size() - at});
  RETURN_IF_ERROR(segment.file->write(batch_start_, io));
  RETURN_IF_ERROR(segment.file->sync_data());
  syncs_++;
  frames_.clear();
  borrowed_.clear();
  batch_start_ = segment.end;
  return {};
}

Status SegmentLog::roll(std::uint64_t bytes) {
  // The seal is durable before the next segment has its first record. So a segment without one
  // in front of records can only be damage.
  put(RecordType::kSeal, Index(), Term(), {});
  RETURN_IF_ERROR(flush());
  spare_.prepare(segments_.back().sequence + 1);
  Result<Segment> next = spare_.take();
  if (!next.ok()) return next.error();
  if (kSegmentHeaderBytes + bytes + kOverheadBytes > next->bytes) {
    // What reserve() had made was lost to an I/O error since.
    return {Code::kFailed, next->path + " is too small for an entry"};
  }
  segments_.push_back(std::move(*next));
  batch_start_ = segments_.back().end;
  spare_.prepare(segments_.back().sequence + 1);
  return {};
}

Status SegmentLog::read(Index low, Index high, std::size_t bytes_max, const Sink& sink) {
  std::size_t bytes = 0;
  Bytes buffer;
  Index at = low;
  for (const Segment& segment : segments_) {
    if (!segment.has_entries() || segment.entries_end() <= at) continue;
    CHECK(segment.first <= at);
    for (; at < high && at < segment.entries_end(); at = at.next()) {
      Result<Record> record = read_record(segment, segment.offset_of(at), buffer);
      if (!record.ok()) return log_damaged(record.error().text());
      CHECK(record->index == at);
      bytes += record->payload.size();
      if (bytes > bytes_max && at > low) return {};
      sink({record->index, record->term, entry_kind(record->type), record->payload});
    }
    if (at == high) return {};
  }
  CHECK(at == high);  // the log holds what the core asks for
  return {};
}

void SegmentLog::release(Index index) {
  // Until its restart is durable, the log is known to be void only by what it holds.
  if (void_before_) return;
  // Nor does a last segment without a record hold the state yet: a crash left it so.
  if (batch_start_ == kSegmentHeaderBytes) return;
  // The last segment stays: it is written to. An empty one in front has only replaced entries.
  while (segments_.size() > 1 && (!segments_.front().has_entries() ||
                                  segments_.front().entries_end().value() <= index.value() + 1)) {
    spare_.recycle(std::move(segments_.front()));
    segments_.pop_front();
  }
}

Index SegmentLog::first_within(std::uint64_t bytes) const {
  Index first = last_.next();
  for (auto each = segments_.rbegin(); each != segments_.rend() && each->bytes <= bytes; ++each) {
    bytes -= each->bytes;
    if (each->has_entries()) first = each->first;
  }
  return first;
}

Status SegmentLog::restart_after(Index index, Term term) {
  RETURN_IF_ERROR(add(RecordType::kStart, index, term, {}));
  last_ = index;
  for (Segment& segment : segments_) segment.offsets.clear();
  RETURN_IF_ERROR(flush());
  release(index);
  return {};
}

std::uint64_t SegmentLog::disk_bytes() const {
  std::uint64_t total = 0;
  for (const Segment& segment : segments_) total += segment.bytes;
  return total;
}

}  // namespace rqlite::raft
