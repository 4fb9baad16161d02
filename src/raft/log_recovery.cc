#include "raft/log_recovery.h"

#include <fmt/format.h>

#include <utility>

#include "raft/segment_scan.h"

namespace rqlite::raft {
namespace {

Status entry_missing(Index last) {
  return log_damaged("entry " + last.next().to_string() + " is missing from the log");
}

}  // namespace

Status log_damaged(const std::string& what) {
  return {
      Code::kFailed,
      fmt::format("{}. What this node acknowledged may be lost with it, so it does not start. {}",
                  what, kDataIsOfNoUse)};
}

LogRecovery::LogRecovery(FileSystem& files, std::string directory, const Snapshot& snapshot,
                         LogReplay& to)
    : files_(files), directory_(std::move(directory)), snapshot_(snapshot), to_(to) {
  recovered_.last = snapshot.index;
}

Status LogRecovery::run() {
  RETURN_IF_ERROR(find_segments());
  bool at_end = false;  // a segment was not sealed: the log ends there
  std::size_t used = 0;
  for (Segment& segment : segments_) {
    Result<bool> sealed = replay(segment);
    if (!sealed.ok()) return sealed.error();
    if (at_end && segment.end != kSegmentHeaderBytes) {
      return log_damaged("the log breaks off before " + segment.path + ", which has records");
    }
    if (!at_end) used++;
    at_end = at_end || !*sealed;
  }
  if (segments_.empty() && snapshot_.index != Index()) {
    return log_damaged("no log segment is in " + directory_);
  }
  if (!segments_.empty() && !at_end) {
    return log_damaged("the log segment after " + segments_.back().path + " is missing");
  }
  // The first segment ever has no other before it; of all others, the one in use has records.
  if (!segments_.empty() && !run_ && segments_.front().sequence != 1) {
    return log_damaged("the log segment before " + segments_.front().path + " is missing");
  }
  if (last_ > recovered_.last) return entry_missing(recovered_.last);
  for (; segments_.size() > used; segments_.pop_back()) {
    empty_.push_front(std::move(segments_.back()));
  }
  void_ = last_ < snapshot_.index || term_at_snapshot_.value_or(snapshot_.term) != snapshot_.term;
  if (void_) drop_entries();
  return make_durable();
}

Status LogRecovery::find_segments() {
  RETURN_IF_ERROR(files_.make_directories(directory_));
  Result<std::vector<std::string>> names = files_.list(directory_);
  if (!names.ok()) return names.error();
  for (const std::string& name : *names) {  // sorted, so in order of sequence
    const std::string path = directory_ + "/" + name;
    if (!segment_sequence(name)) {
      // The draft of a segment that never got its name.
      if (name.ends_with(".seg.new")) RETURN_IF_ERROR(files_.remove(path));
      continue;
    }
    Result<Segment> segment = open_segment(files_, path);
    if (!segment.ok()) return log_damaged(segment.error().text());
    if (!segments_.empty() && segments_.back().sequence + 1 != segment->sequence) {
      // Only released segments may go missing. If one was needed, its entries will be missed.
      for (const Segment& each : segments_) leftovers_.push_back(each.path);
      segments_.clear();
    }
    segments_.push_back(std::move(*segment));
  }
  return {};
}

Result<bool> LogRecovery::replay(Segment& segment) {
  Bytes bytes(segment.bytes, '\0');
  Result<std::size_t> got = segment.file->read(0, bytes.data(), bytes.size());
  if (!got.ok()) return got.error();
  if (*got < bytes.size()) recovered_.torn = segment.path + ", which was cut short";

  Status failure;
  const ScanEnd end =
      scan_segment(bytes, segment.salt, run_, [&](const Record& record, std::uint64_t offset) {
        if (!failure.ok()) return;
        failure = replay_record(segment, record, offset);
      });
  if (!failure.ok()) return failure;
  segment.end = end.offset;
  switch (end.why) {
    case ScanEnd::Why::kSealed:
      return true;
    case ScanEnd::Why::kClean:
      return false;
    case ScanEnd::Why::kTorn:
      recovered_.torn = fmt::format("{} at offset {}", segment.path, end.offset);
      return false;
    case ScanEnd::Why::kDamaged:
      break;
  }
  return log_damaged(fmt::format("{} is damaged at offset {}, in front of intact records",
                                 segment.path, end.offset));
}

Status LogRecovery::replay_record(Segment& segment, const Record& record, std::uint64_t offset) {
  switch (record.type) {
    case RecordType::kOpen:
    case RecordType::kSeal:
      return {};
    case RecordType::kState:
      recovered_.hard_state = decode_state(record);
      if (!recovered_.hard_state) return log_damaged("a state record is odd");
      return cut_behind(record.index);
    case RecordType::kStart:
      // The snapshot was durable before this was written.
      if (record.index > snapshot_.index) return entry_missing(snapshot_.index);
      drop_entries();
      last_ = record.index;
      term_at_snapshot_.reset();
      if (record.index == snapshot_.index) term_at_snapshot_ = record.term;
      return {};
    case RecordType::kEntry:
    case RecordType::kChange:
      return replay_entry(segment, record, offset);
  }
  return log_damaged("a record is of no known type");
}

Status LogRecovery::replay_entry(Segment& segment, const Record& record, std::uint64_t offset) {
  forget_entries_from(segments_, record.index);
  if (!segment.has_entries()) segment.first = record.index;
  if (segment.entries_end() != record.index) return entry_missing(recovered_.last);
  segment.offsets.push_back(static_cast<std::uint32_t>(offset / 8));
  last_ = record.index;
  // Those in between may have been released because all of them, and this one, were replaced
  // later on. If not, the end of the log will show it.
  if (record.index > recovered_.last.next()) return {};
  if (record.index <= snapshot_.index) {
    // Nobody needs it, but it replaces what followed.
    if (recovered_.last > snapshot_.index) {
      to_.restart();
      recovered_.last = snapshot_.index;
    }
    term_at_snapshot_.reset();
    if (record.index == snapshot_.index) term_at_snapshot_ = record.term;
    return {};
  }
  to_.entry({record.index, record.term, entry_kind(record.type), record.payload});
  recovered_.last = record.index;
  return {};
}

Status LogRecovery::cut_behind(Index last) {
  // It may lie behind what was read: in segments that were released, or else it will be missed.
  // Unless it is replaced, by an entry behind this record.
  if (last < snapshot_.index && last < last_) term_at_snapshot_.reset();
  last_ = last;
  forget_entries_from(segments_, last.next());
  if (recovered_.last <= last) return {};
  if (last <= snapshot_.index) {
    to_.restart();
    recovered_.last = snapshot_.index;
    return {};
  }
  // An entry that comes again voids what came behind it.
  for (const Segment& segment : segments_) {
    if (!segment.has_entries() || segment.entries_end() != last.next()) continue;
    Bytes buffer;
    Result<Record> record = read_record(segment, segment.offset_of(last), buffer);
    if (!record.ok()) return log_damaged(record.error().text());
    to_.entry({record->index, record->term, entry_kind(record->type), record->payload});
    recovered_.last = last;
    return {};
  }
  return entry_missing(Index(last.value() - 1));
}

void LogRecovery::drop_entries() {
  for (Segment& segment : segments_) segment.offsets.clear();
  recovered_.last = snapshot_.index;
  to_.restart();
}

Status LogRecovery::make_durable() {
  for (Segment& segment : segments_) RETURN_IF_ERROR(make_whole(segment));
  // Which of them the process last wrote to cannot be seen: it may have died between a seal and
  // its sync. A file without unsynced writes costs nothing.
  for (const Segment& segment : segments_) RETURN_IF_ERROR(segment.file->sync_data());
  return files_.sync_directory(directory_);
}

}  // namespace rqlite::raft
