#include "cluster/snapshot_fetch.h"

#include <future>
#include <thread>
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
constexpr auto kOfferTimeout = 30s;
constexpr auto kPartTimeout = 10s;
constexpr int kTriesForAPart = 5;
// With its checksum.
constexpr std::size_t kPartBytesMax = kPartBytes + 64;
constexpr auto kTryAgain = 200ms;
// What is fetched is brought to the disk in pieces, so that the log's own syncs have room between.
constexpr std::uint64_t kSyncBytes = 32 << 20;

Status given_up() { return {Code::kUnavailable, "another one has been announced"}; }

}  // namespace

void SnapshotFetch::begin(Contact from, Bytes message) {
  const std::uint64_t number = ++newest_;
  worker_.post([this, number, from = std::move(from), message = std::move(message)] {
    run(number, from, message);
  });
}

void SnapshotFetch::close() {
  newest_++;
  worker_.finish();
}

void SnapshotFetch::run(std::uint64_t number, const Contact& from, const Bytes& message) {
  if (!is_current(number)) return;
  running_ = true;
  const Status status = fetch(number, from, message);
  running_ = false;
  (status.ok() ? arrived_ : failed_)++;
  if (!status.ok()) {
    log("snapshot", "the snapshot from {} did not arrive: {}", from.address, status.text());
  }
  // If it does not hear this it will notice by itself.
  (void)ask(from, "POST", std::string(kSnapshotDonePath) + "?arrived=" + (status.ok() ? "1" : "0"));
}

Status SnapshotFetch::fetch(std::uint64_t number, const Contact& from, const Bytes& message) {
  const std::optional<raft::MessageContent> announced = raft::peek_message(message);
  if (!announced || !announced->snapshot) {
    return {Code::kInvalid, "what announced the snapshot cannot be read"};
  }
  const Result<Bytes> answer = ask(from, "GET", std::string(kSnapshotPath));
  if (!answer.ok()) return answer.error();
  const std::optional<SnapshotOffer> offer = decode_snapshot_offer(*answer);
  if (!offer) return {Code::kInvalid, "the offer of the snapshot cannot be read"};
  if (!raft::decode_members(offer->record.conf_state).contains(store_.raft_id())) {
    return {Code::kInvalid, "this node is not a member in the snapshot"};
  }
  log("snapshot", "fetching the snapshot at {}, {} bytes, from {}", offer->record.index.to_string(),
      offer->main_bytes, from.address);

  store::ReceivedSnapshot received{offer->record, {}, command::Replacement()};
  const Result<Bytes> outcomes = fetch_outcomes(number, from, *offer);
  if (!outcomes.ok()) return outcomes.error();
  const bool whole = store::OutcomeJournal::read_records(
      *outcomes, offer->record.state.journal,
      [&](store::OutcomeRecord each) { received.kept.push_back(std::move(each)); });
  if (!whole && offer->record.state.journal.sequence != 0) {
    return {Code::kInvalid, "what is kept of requests is damaged"};
  }

  const std::string path = store_.new_aside(*received.file);
  received.file->bytes = offer->main_bytes;
  if (Status status = fetch_main(number, from, *offer, path); !status.ok()) {
    store_.discard_aside(*received.file);
    return status;
  }
  std::promise<bool> begun;
  store_.install(std::move(received), message, [&](bool begins) { begun.set_value(begins); });
  if (!begun.get_future().get()) {
    return {Code::kUnavailable, "this node has come further by itself"};
  }
  log("snapshot", "this node goes on from the snapshot at {}", offer->record.index.to_string());
  return {};
}

Status SnapshotFetch::fetch_main(std::uint64_t number, const Contact& from,
                                 const SnapshotOffer& offer, const std::string& path) {
  FileSystem& files = store_.files();
  Result<std::unique_ptr<File>> file = files.open(path, FileSystem::Open::kCreateOrTruncate);
  if (!file.ok()) return file.error();
  std::uint64_t synced = 0;
  for (std::uint64_t at = 0; at < offer.main_bytes;) {
    const Result<Bytes> part = fetch_part(number, from, offer, SnapshotFile::kMain, at);
    if (!part.ok()) return part.error();
    if (part->empty() || part->size() > offer.main_bytes - at) {
      return {Code::kInvalid, "the main file is not as long as was said"};
    }
    RETURN_IF_ERROR((*file)->write(at, *part));
    at += part->size();
    if (at - synced < kSyncBytes) continue;
    RETURN_IF_ERROR((*file)->sync_data());
    synced = at;
  }
  RETURN_IF_ERROR((*file)->sync_data());
  return files.sync_directory(store_.paths().set_aside());
}

Result<Bytes> SnapshotFetch::fetch_outcomes(std::uint64_t number, const Contact& from,
                                            const SnapshotOffer& offer) {
  Bytes outcomes;
  while (outcomes.size() < offer.record.state.journal.bytes) {
    const Result<Bytes> part =
        fetch_part(number, from, offer, SnapshotFile::kOutcomes, outcomes.size());
    if (!part.ok()) return part.error();
    if (part->empty()) return Status(Code::kInvalid, "what is kept of requests is cut short");
    outcomes += *part;
  }
  return outcomes;
}

Result<Bytes> SnapshotFetch::fetch_part(std::uint64_t number, const Contact& from,
                                        const SnapshotOffer& offer, SnapshotFile file,
                                        std::uint64_t offset) {
  const bool packed = packs_ || offer.wants_packing;
  const std::string target = std::string(kPartPath) + "?id=" + std::to_string(offer.id) +
                             "&file=" + std::to_string(static_cast<std::uint64_t>(file)) +
                             "&offset=" + std::to_string(offset) + (packed ? "&packed=1" : "");
  Status last;
  for (int tries = 0; tries < kTriesForAPart; tries++) {
    if (!is_current(number)) return given_up();
    if (tries > 0) std::this_thread::sleep_for(kTryAgain);
    Result<Bytes> answer = ask(from, "GET", target);
    if (!answer.ok()) {
      last = answer.error();
      continue;
    }
    bytes_ += answer->size();
    std::optional<Bytes> part =
        packed ? unpack(*answer, kPartBytesMax) : std::optional<Bytes>(std::move(*answer));
    if (part) part = decode_part(std::move(*part));
    if (part) return std::move(*part);
    last = {Code::kInvalid, "a part came damaged"};
  }
  return last;
}

Result<Bytes> SnapshotFetch::ask(const Contact& from, std::string_view method,
                                 const std::string& target) {
  net::Call call{.address = from.address,
                 .method = std::string(method),
                 .target = target,
                 .headers = {{std::string(kClusterHeader), from.cluster_id},
                             {std::string(kFromHeader), to_text(store_.raft_id())},
                             {std::string(kToHeader), to_text(from.id)}},
                 .timeout = target == kSnapshotPath ? kOfferTimeout : kPartTimeout};
  net::CallResult result = client_.fetch(std::move(call), kPartBytes + (1 << 20));
  if (!result.response.ok()) return result.response.error();
  if (result.response->status != 200) {
    return Status(Code::kUnavailable, result.response->body);
  }
  return std::move(result.response->body);
}

}  // namespace rqlite::cluster
