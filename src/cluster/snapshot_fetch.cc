#include "cluster/snapshot_fetch.h"

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/log.h"
#include "cluster/packed_part.h"
#include "raft/members.h"
#include "raft/message.h"
#include "store/outcome_journal.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;

// The sender may have to finish a snapshot first.
constexpr Nanos kOfferTimeout = 30s;
// Less than its patience: what was lost is asked for again before that is over.
constexpr Nanos kPartTimeout = 4s;
// How often the same part may come damaged.
constexpr int kDamagedMax = 5;
// With its checksum.
constexpr std::size_t kPartBytesMax = kPartBytes + 64;
constexpr std::size_t kAnswerBytesMax = kPartBytes + (1 << 20);
// What is fetched is brought to the disk in pieces, so that the log's own syncs have room between.
constexpr std::uint64_t kSyncBytes = 32 << 20;
// It is said again after so long that it does not arrive.
constexpr auto kSayAgainAfter = 10min;

bool is_same(const Status& one, const Status& other) {
  // How much room there is, which the text tells, changes all the time.
  if (one.code() == Code::kDiskFull) return other.code() == Code::kDiskFull;
  return one.text() == other.text();
}

}  // namespace

void SnapshotFetch::begin(Contact from, Bytes message) {
  Errand errand{0, std::move(from), std::move(message)};
  net::CallHandle asking;
  {
    MutexLock lock(mutex_);
    if (closed_) return;
    errand.number = ++newest_;
    newest_from_ = errand.from.id;
    asking = asking_;
  }
  asking.give_up();
  pause_.change([] {});
  worker_.post([this, errand = std::move(errand)] { run(errand); });
}

void SnapshotFetch::close() {
  net::CallHandle asking;
  {
    MutexLock lock(mutex_);
    newest_++;
    closed_ = true;
    asking = asking_;
  }
  asking.give_up();
  pause_.change([] {});
  worker_.finish();
}

bool SnapshotFetch::is_current(const Errand& errand) {
  MutexLock lock(mutex_);
  return errand.number == newest_;
}

Status SnapshotFetch::given_up() {
  MutexLock lock(mutex_);
  return {Code::kUnavailable, closed_ ? "shutting down" : "another one has been announced"};
}

bool SnapshotFetch::rest(const Errand& errand, Nanos time) {
  return !pause_.wait([&] { return !is_current(errand); }, later(clock_.now(), time));
}

void SnapshotFetch::run(Errand errand) {
  if (!is_current(errand)) return;
  running_ = true;
  const Status status = fetch(errand);
  running_ = false;
  (status.ok() ? arrived_ : failed_)++;
  if (!status.ok()) {
    say(errand, status);
    // What is wrong here may stay so: a full disk, say.
    (void)rest(errand, options_.pause_after_failure);
    MutexLock lock(mutex_);
    if (closed_ || (errand.number != newest_ && newest_from_ == errand.from.id)) return;
  }
  tell_sender(errand, status);
}

void SnapshotFetch::say(const Errand& errand, const Status& status) {
  const TimePoint now = clock_.now();
  if (said_ && is_same(said_->failure, status) && now - said_->at < kSayAgainAfter) return;
  said_ = {status, now};
  log("snapshot", "the snapshot from {} did not arrive: {}", errand.from.address, status.text());
}

Status SnapshotFetch::fetch(Errand& errand) {
  RETURN_IF_ERROR(fetch_offer(errand));
  const SnapshotOffer& offer = errand.offer;
  if (!said_) {
    log("snapshot", "fetching the snapshot at {}, {} bytes, from {}",
        offer.record.index.to_string(), offer.main_bytes, errand.from.address);
  }

  store::ReceivedSnapshot received{offer.record, {}, command::Replacement()};
  const Result<Bytes> outcomes = fetch_outcomes(errand);
  if (!outcomes.ok()) return outcomes.error();
  const bool whole = store::OutcomeJournal::read_records(
      *outcomes, offer.record.state.journal,
      [&](store::OutcomeRecord each) { received.kept.push_back(std::move(each)); });
  if (!whole && offer.record.state.journal.sequence != 0) {
    return {Code::kInvalid, "what is kept of requests is damaged"};
  }

  const std::string path = to_.new_aside(*received.file);
  received.file->bytes = offer.main_bytes;
  if (Status status = fetch_main(errand, path); !status.ok()) {
    to_.discard_aside(*received.file);
    return status;
  }
  const auto begun = std::make_shared<std::promise<bool>>();
  std::future<bool> begins = begun->get_future();
  to_.install(std::move(received), errand.message, [begun](bool does) { begun->set_value(does); });
  if (!begins.get()) {
    return {Code::kUnavailable, "this node has come further by itself"};
  }
  said_.reset();
  log("snapshot", "this node goes on from the snapshot at {}", offer.record.index.to_string());
  return {};
}

Status SnapshotFetch::fetch_offer(Errand& errand) {
  const std::optional<raft::MessageContent> announced = raft::peek_message(errand.message);
  if (!announced || !announced->snapshot) {
    return {Code::kInvalid, "what announced the snapshot cannot be read"};
  }
  const Result<net::ClientResponse> answer = ask(errand, std::string(kSnapshotPath), kOfferTimeout);
  if (!is_current(errand)) return given_up();
  if (!answer.ok()) return answer.error();
  if (answer->status != 200) return failure_of(answer->status, answer->headers, answer->body);
  std::optional<SnapshotOffer> offer = decode_snapshot_offer(answer->body);
  if (!offer) return {Code::kInvalid, "the offer of the snapshot cannot be read"};
  errand.offer = std::move(*offer);
  if (!raft::decode_members(errand.offer.record.conf_state).contains(to_.raft_id())) {
    return {Code::kInvalid, "this node is not a member in the snapshot"};
  }
  if (errand.offer.record.state.incoming) {
    return {Code::kInvalid, "the snapshot goes on with a file that is not in it"};
  }
  return {};
}

Status SnapshotFetch::fetch_main(const Errand& errand, const std::string& path) {
  const std::uint64_t size = errand.offer.main_bytes;
  FileSystem& files = to_.files();
  // Where that cannot be told, writing will.
  if (const auto free = files.free_bytes(parent_directory(path)); free.ok() && *free < size) {
    return {Code::kDiskFull,
            std::to_string(*free) + " bytes are free where it needs " + std::to_string(size)};
  }
  Result<std::unique_ptr<File>> file = files.open(path, FileSystem::Open::kCreateOrTruncate);
  if (!file.ok()) return file.error();
  std::uint64_t synced = 0;
  for (std::uint64_t at = 0; at < size;) {
    const Result<Bytes> part = fetch_part(errand, SnapshotFile::kMain, at);
    if (!part.ok()) return part.error();
    if (part->empty() || part->size() > size - at) {
      return {Code::kInvalid, "the main file is not as long as was said"};
    }
    RETURN_IF_ERROR((*file)->write(at, *part));
    at += part->size();
    if (at - synced < kSyncBytes) continue;
    RETURN_IF_ERROR((*file)->sync_data());
    synced = at;
  }
  RETURN_IF_ERROR((*file)->sync_data());
  return files.sync_directory(parent_directory(path));
}

Result<Bytes> SnapshotFetch::fetch_outcomes(const Errand& errand) {
  Bytes outcomes;
  while (outcomes.size() < errand.offer.record.state.journal.bytes) {
    const Result<Bytes> part = fetch_part(errand, SnapshotFile::kOutcomes, outcomes.size());
    if (!part.ok()) return part.error();
    if (part->empty()) return Status(Code::kInvalid, "what is kept of requests is cut short");
    outcomes += *part;
  }
  return outcomes;
}

Result<Bytes> SnapshotFetch::fetch_part(const Errand& errand, SnapshotFile file,
                                        std::uint64_t offset) {
  const bool packed = options_.packs || errand.offer.wants_packing;
  const std::string target = std::string(kPartPath) + "?id=" + std::to_string(errand.offer.id) +
                             "&file=" + std::to_string(static_cast<std::uint64_t>(file)) +
                             "&offset=" + std::to_string(offset) + (packed ? "&packed=1" : "");
  const TimePoint deadline = later(clock_.now(), options_.patience);
  for (int damaged = 0;;) {
    Result<net::ClientResponse> answer = ask(errand, target, kPartTimeout);
    if (!is_current(errand)) return given_up();
    if (answer.ok()) {
      // It does not hold it any more, or cannot read it: nothing that time mends.
      if (answer->status != 200) return failure_of(answer->status, answer->headers, answer->body);
      bytes_ += answer->body.size();
      std::optional<Bytes> part = packed ? unpack(answer->body, kPartBytesMax)
                                         : std::optional<Bytes>(std::move(answer->body));
      if (part) part = decode_part(std::move(*part));
      if (part) return std::move(*part);
      if (++damaged == kDamagedMax) return Status(Code::kInvalid, "a part came damaged");
    } else if (clock_.now() >= deadline) {
      return answer.error();
    }
    if (!rest(errand, options_.try_again)) return given_up();
  }
}

net::Call SnapshotFetch::call_to(const Contact& contact, const std::string& target) {
  return {.address = contact.address,
          .target = target,
          .headers = {{std::string(kClusterHeader), contact.cluster_id},
                      {std::string(kFromHeader), to_text(to_.raft_id())},
                      {std::string(kToHeader), to_text(contact.id)}}};
}

Result<net::ClientResponse> SnapshotFetch::ask(const Errand& errand, const std::string& target,
                                               Nanos timeout) {
  net::Call call = call_to(errand.from, target);
  call.timeout = timeout;
  call.connect_timeout = timeout;
  // Shared: whoever waits may go on before set_value() has returned.
  const auto answered = std::make_shared<std::promise<net::CallResult>>();
  std::future<net::CallResult> answer = answered->get_future();
  const net::CallHandle handle =
      client_.fetch(std::move(call), kAnswerBytesMax,
                    [answered](net::CallResult result) { answered->set_value(std::move(result)); });
  bool current = false;
  {
    MutexLock lock(mutex_);
    current = errand.number == newest_;
    if (current) asking_ = handle;
  }
  if (!current) handle.give_up();
  net::CallResult result = answer.get();
  MutexLock lock(mutex_);
  asking_ = {};
  return std::move(result.response);
}

// Nobody waits for that: if it gets lost, the sender will notice by itself.
void SnapshotFetch::tell_sender(const Errand& errand, const Status& status) {
  net::Call call = call_to(errand.from, std::string(kSnapshotDonePath) +
                                            "?arrived=" + (status.ok() ? "1" : "0") +
                                            "&id=" + std::to_string(errand.offer.id));
  call.method = "POST";
  call.body = status.text();
  call.timeout = kPartTimeout;
  client_.fetch(std::move(call), kAnswerBytesMax, [](const net::CallResult&) {});
}

}  // namespace rqlite::cluster
