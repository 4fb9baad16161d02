#include "raft/segment_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/random.h"
#include "raft/segment_scan.h"

namespace rqlite::raft {
namespace {

constexpr std::size_t kStatePayloadBytes = 16;

// What a segment needs beside entries: its seal, and the run and state at its start.
constexpr std::size_t kOverheadBytes =
    2 * record_bytes(0) + record_bytes(kStatePayloadBytes) + record_bytes(0);

// Smaller payloads are copied next to their headers, which is cheaper than a part of an iovec.
constexpr std::size_t kBorrowedBytesMin = 1024;

// Room that reserve() never gives to entries, so that votes and terms can be written while the
// disk is full.
constexpr std::size_t kStateReserveBytes = 64 * record_bytes(kStatePayloadBytes);

Bytes encode_state(const HardState& state) {
  Bytes payload;
  append_number(payload, state.vote.value());
  append_number(payload, state.commit.value());
  CHECK(payload.size() == kStatePayloadBytes);
  return payload;
}

Status damaged(const std::string& what) {
  return {Code::kFailed,
          what +
              ". What this node acknowledged may be lost with it, so it does not start. Restore "
              "the data directory from a copy, or empty it and let the node join its cluster again"};
}

Status entry_missing(Index last) {
  return damaged("entry " + last.next().to_string() + " is missing from the log");
}

}  // namespace

SegmentLog::SegmentLog(FileSystem& files, Executor& executor, Options options)
    : files_(files),
      options_(std::move(options)),
      spare_(files, executor,
             {options_.directory, options_.segment_bytes, options_.recycled_max}) {}

SegmentLog::~SegmentLog() = default;

Result<std::unique_ptr<SegmentLog>> SegmentLog::open(FileSystem& files, Executor& executor,
                                                     Options options, Index snapshot, Replay& to,
                                                     Recovered& recovered) {
  CHECK(options.segment_bytes >= kSegmentHeaderBytes + kOverheadBytes + kStateReserveBytes);
  std::unique_ptr<SegmentLog> log(new SegmentLog(files, executor, std::move(options)));
  if (Status status = log->recover(snapshot, to, recovered); !status.ok()) return status;
  return log;
}

Status SegmentLog::find_segments() {
  RETURN_IF_ERROR(files_.make_directories(options_.directory));
  Result<std::vector<std::string>> names = files_.list(options_.directory);
  if (!names.ok()) return names.error();
  for (const std::string& name : *names) {  // sorted, so in order of sequence
    const std::string path = options_.directory + "/" + name;
    if (!segment_sequence(name)) {
      // The draft of a segment that never got its name.
      if (name.ends_with(".seg.new")) RETURN_IF_ERROR(files_.remove(path));
      continue;
    }
    Result<Segment> segment = open_segment(files_, path);
    if (!segment.ok()) return damaged(segment.error().text());
    if (!segments_.empty() && segments_.back().sequence + 1 != segment->sequence) {
      // Only released segments may go missing. If one was needed, its entries will be missed.
      while (!segments_.empty()) {
        RETURN_IF_ERROR(files_.remove(segments_.front().path));
        segments_.pop_front();
      }
    }
    segments_.push_back(std::move(*segment));
  }
  return {};
}

Status SegmentLog::recover(Index snapshot, Replay& to, Recovered& recovered) {
  RETURN_IF_ERROR(find_segments());
  recovered.last = snapshot;
  std::optional<std::uint32_t> run;
  std::size_t used = 0;   // segments with records, the one that records go to included
  bool at_end = false;    // a segment was not sealed: the log ends there
  for (Segment& segment : segments_) {
    Result<bool> sealed = replay(segment, run, snapshot, to, recovered);
    if (!sealed.ok()) return sealed.error();
    if (at_end && segment.end != kSegmentHeaderBytes) {
      return damaged("the log breaks off before " + segment.path + ", which has records");
    }
    if (!at_end) used++;
    at_end = at_end || !*sealed;
  }
  if (!segments_.empty() && !at_end) {
    return damaged("the log segment after " + segments_.back().path + " is missing");
  }
  if (last_ > recovered.last) return entry_missing(recovered.last);
  RETURN_IF_ERROR(keep_spare(used));
  if (segments_.empty()) {
    Result<Segment> first = make_segment(files_, options_.directory, 1, random_from_system(),
                                         options_.segment_bytes, "");
    if (!first.ok()) return first.error();
    segments_.push_back(std::move(*first));
  }
  hard_state_ = recovered.hard_state.value_or(HardState{});
  last_ = recovered.last;
  run_ = static_cast<std::uint32_t>(random_from_system());
  batch_start_ = written_ = segments_.back().end;
  spare_.prepare(segments_.back().sequence + 1);
  return {};
}

Status SegmentLog::keep_spare(std::size_t used) {
  if (segments_.size() > used && segments_[used].bytes == options_.segment_bytes) {
    spare_.adopt(std::move(segments_[used]));
    segments_.erase(segments_.begin() + static_cast<std::ptrdiff_t>(used));
  }
  while (segments_.size() > used) {
    const std::string path = segments_.back().path;
    segments_.pop_back();
    RETURN_IF_ERROR(files_.remove(path));
  }
  return {};
}

Result<bool> SegmentLog::replay(Segment& segment, std::optional<std::uint32_t>& run,
                                Index snapshot, Replay& to, Recovered& recovered) {
  Bytes bytes(segment.bytes, '\0');
  Result<std::size_t> got = segment.file->read(0, bytes.data(), bytes.size());
  if (!got.ok()) return got.error();
  bytes.resize(*got);

  Status failure;
  const ScanEnd end = scan_segment(
      bytes, segment.salt, run, [&](const Record& record, std::uint64_t offset) {
        if (!failure.ok()) return;
        failure = replay_record(segment, record, offset, snapshot, to, recovered);
      });
  if (!failure.ok()) return failure;
  segment.end = end.offset;
  switch (end.why) {
    case ScanEnd::Why::kSealed:
      return true;
    case ScanEnd::Why::kClean:
      return false;
    case ScanEnd::Why::kTorn:
      recovered.torn = fmt::format("{} at offset {}", segment.path, end.offset);
      return false;
    case ScanEnd::Why::kDamaged:
      break;
  }
  return damaged(fmt::format("{} is damaged at offset {}, in front of intact records",
                             segment.path, end.offset));
}

Status SegmentLog::replay_record(Segment& segment, const Record& record, std::uint64_t offset,
                                 Index snapshot, Replay& to, Recovered& recovered) {
  switch (record.type) {
    case RecordType::kOpen:
    case RecordType::kSeal:
      return {};
    case RecordType::kState:
      if (record.payload.size() != kStatePayloadBytes) return damaged("a state record is odd");
      // It names the last entry before it, so that a lost segment cannot go unnoticed. That entry
      // may have been replaced since, by an entry behind this record.
      last_ = record.index;
      recovered.hard_state =
          HardState{record.term, RaftId(load_number<std::uint64_t>(record.payload.data())),
                    Index(load_number<std::uint64_t>(record.payload.data() + 8))};
      return {};
    case RecordType::kStart:
      for (Segment& each : segments_) each.offsets.clear();
      recovered.last = std::max(snapshot, record.index);
      last_ = recovered.last;
      to.restart();
      return {};
    case RecordType::kEntry:
    case RecordType::kChange:
      break;
  }
  forget_from(record.index);
  if (!segment.has_entries()) segment.first = record.index;
  const bool follows = !segment.has_entries() || segment.entries_end() == record.index;
  if (!follows || record.index > recovered.last.next()) return entry_missing(recovered.last);
  last_ = record.index;
  segment.offsets.push_back(static_cast<std::uint32_t>(offset / 8));
  if (record.index <= snapshot) return {};
  to.entry({record.index, record.term,
            record.type == RecordType::kEntry ? EntryKind::kNormal : EntryKind::kChange,
            record.payload});
  recovered.last = record.index;
  return {};
}

// Entries from `index` on are replaced.
void SegmentLog::forget_from(Index index) {
  for (auto segment = segments_.rbegin(); segment != segments_.rend(); ++segment) {
    if (!segment->has_entries()) continue;
    if (segment->entries_end() <= index) return;
    const std::uint64_t first = segment->first.value();
    const std::uint64_t keep = index.value() > first ? index.value() - first : 0;
    segment->offsets.resize(static_cast<std::size_t>(keep));
  }
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

// An entry beyond the usual size gets a segment of its own size. The room is taken now, so that
// the append cannot fail for want of it.
Status SegmentLog::reserve_huge(std::uint64_t need) {
  Result<Segment> old = spare_.take();
  if (old.ok()) {
    if (kSegmentHeaderBytes + need <= old->bytes) {
      spare_.adopt(std::move(*old));
      return {};
    }
    old->file.reset();
    RETURN_IF_ERROR(files_.remove(old->path));
  }
  Result<Segment> made =
      make_segment_unwritten(files_, options_.directory, segments_.back().sequence + 1,
                             random_from_system(), kSegmentHeaderBytes + need);
  if (!made.ok()) return made.error();
  spare_.adopt(std::move(*made));
  return {};
}

Status SegmentLog::append(const std::optional<HardState>& hard_state,
                          std::span<const EntryView> entries, bool sync) {
  if (hard_state) {
    hard_state_ = *hard_state;
    RETURN_IF_ERROR(add_state());
  }
  if (!entries.empty()) forget_from(entries.front().index);
  for (const EntryView& entry : entries) {
    const RecordType type =
        entry.kind == EntryKind::kNormal ? RecordType::kEntry : RecordType::kChange;
    RETURN_IF_ERROR(add(type, entry.index, entry.term, entry.data));
    last_ = entry.index;
  }
  return flush(sync);
}

Status SegmentLog::add_state() {
  return add(RecordType::kState, last_, hard_state_.term, encode_state(hard_state_));
}

Status SegmentLog::add(RecordType type, Index index, Term term, BytesView payload) {
  if (!run_begun_) {
    run_begun_ = true;
    RETURN_IF_ERROR(add(RecordType::kOpen, Index(), Term(), {}));
    RETURN_IF_ERROR(add_state());
  }
  const std::size_t size = record_bytes(payload.size());
  if (type != RecordType::kSeal &&
      segments_.back().end + size + record_bytes(0) > segments_.back().bytes) {
    RETURN_IF_ERROR(roll(size));
  }
  Segment& segment = segments_.back();
  if (type == RecordType::kEntry || type == RecordType::kChange) {
    if (!segment.has_entries()) segment.first = index;
    CHECK(!segment.has_entries() || segment.entries_end() == index);
    segment.offsets.push_back(static_cast<std::uint32_t>(segment.end / 8));
  }
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
  return {};
}

Status SegmentLog::flush(bool sync) {
  Segment& segment = segments_.back();
  if (!frames_.empty()) {
    std::vector<iovec> io;
    std::size_t at = 0;
    for (const Borrowed& part : borrowed_) {
      io.push_back({&frames_[at], part.at - at});
      io.push_back({const_cast<char*>(part.payload.data()), part.payload.size()});
      at = part.at;
    }
    if (at < frames_.size()) io.push_back({&frames_[at], frames_.size() - at});
    RETURN_IF_ERROR(segment.file->write(written_, io));
    frames_.clear();
    borrowed_.clear();
    written_ = segment.end;
  }
  if (sync && batch_start_ != segment.end) {
    RETURN_IF_ERROR(segment.file->sync_data());
    syncs_++;
    batch_start_ = segment.end;
  }
  return {};
}

Status SegmentLog::roll(std::uint64_t bytes) {
  // The seal is durable before the next segment has its first record. So a segment without one
  // in front of records can only be damage.
  RETURN_IF_ERROR(add(RecordType::kSeal, Index(), Term(), {}));
  RETURN_IF_ERROR(flush(true));
  spare_.prepare(segments_.back().sequence + 1);
  Result<Segment> next = spare_.take();
  if (!next.ok()) return next.error();
  CHECK(kSegmentHeaderBytes + bytes + kOverheadBytes <= next->bytes);  // reserve() saw to it
  segments_.push_back(std::move(*next));
  batch_start_ = written_ = segments_.back().end;
  spare_.prepare(segments_.back().sequence + 1);
  // Every segment begins with the state, so that those before it can be released.
  return add_state();
}

Status SegmentLog::read(Index low, Index high, std::size_t bytes_max, const Sink& sink) {
  std::size_t bytes = 0;
  Index at = low;
  for (const Segment& segment : segments_) {
    if (!segment.has_entries() || segment.entries_end() <= at) continue;
    CHECK(segment.first <= at);
    while (at < high && at < segment.entries_end()) {
      const std::uint64_t offset =
          segment.offsets[static_cast<std::size_t>(at.value() - segment.first.value())] * 8ull;
      Bytes header(kRecordHeaderBytes, '\0');
      Result<std::size_t> got = segment.file->read(offset, header.data(), header.size());
      if (!got.ok()) return got.error();
      const std::size_t length = load_number<std::uint32_t>(&header[8]);
      bytes += length;
      if (bytes > bytes_max && at > low) return {};
      Bytes record(kRecordHeaderBytes + std::min<std::size_t>(length, segment.bytes), '\0');
      got = segment.file->read(offset, record.data(), record.size());
      if (!got.ok()) return got.error();
      const std::optional<Record> decoded = decode_record(record, segment.salt);
      if (!decoded || decoded->index != at) {
        return damaged(fmt::format("{} is damaged at offset {}", segment.path, offset));
      }
      const EntryKind kind =
          decoded->type == RecordType::kEntry ? EntryKind::kNormal : EntryKind::kChange;
      sink({decoded->index, decoded->term, kind, decoded->payload});
      at = at.next();
    }
    if (at == high) return {};
  }
  CHECK(at == high);  // the log holds what the core asks for
  return {};
}

void SegmentLog::release(Index index) {
  // The last segment stays: it is written to. An empty one in front has only replaced entries.
  while (segments_.size() > 1 &&
         (!segments_.front().has_entries() || segments_.front().entries_end().value() <= index.value() + 1)) {
    spare_.recycle(std::move(segments_.front()));
    segments_.pop_front();
  }
}

Status SegmentLog::restart_after(Index index, Term term) {
  for (Segment& segment : segments_) segment.offsets.clear();
  last_ = index;
  RETURN_IF_ERROR(add(RecordType::kStart, index, term, {}));
  RETURN_IF_ERROR(flush(true));
  release(index);
  return {};
}

std::uint64_t SegmentLog::disk_bytes() const {
  std::uint64_t total = 0;
  for (const Segment& segment : segments_) total += segment.bytes;
  return total;
}

}  // namespace rqlite::raft
