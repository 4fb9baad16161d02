#include "cluster/raft_transport.h"

#include <utility>

#include "base/log.h"
#include "cluster/peer_protocol.h"
#include "net/socket.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;

// A member that does not answer is asked again soon: it is to be served as soon as it can be.
constexpr auto kDialAgain = 100ms;
constexpr auto kDialTimeout = 1s;
// Messages that wait for one stream: votes and heartbeats find room, large entries do not.
constexpr std::size_t kWaitingBytesMax = 64 << 10;

net::FrameStream::Options stream_options() {
  net::FrameStream::Options options;
  options.frame_bytes_max = kFrameBytesMax;
  // What has waited for longer is of no use: Raft has sent it again, or another message.
  options.silence_max = 2s;
  return options;
}

}  // namespace

RaftTransport::RaftTransport(raft::RaftId self, std::string address, net::Client& client,
                             const Clock& clock, Listener& listener)
    : self_(self),
      address_(std::move(address)),
      client_(client),
      clock_(clock),
      listener_(listener) {}

RaftTransport::~RaftTransport() { close(); }

void RaftTransport::set_members(const std::string& cluster_id,
                                const store::Membership& membership) {
  std::vector<std::shared_ptr<net::FrameStream>> gone;
  {
    MutexLock lock(mutex_);
    cluster_id_ = cluster_id;
    for (auto each = links_.begin(); each != links_.end();) {
      const store::Membership::Entry* entry = membership.find(each->first);
      // Whoever is not known here yet stays until it is.
      const std::string known = entry == nullptr ? "" : entry->member.raft_address;
      const bool stays = known == each->second.known || known == each->second.address;
      if (stays) {
        ++each;
        continue;
      }
      gone.push_back(std::move(each->second.stream));
      each = links_.erase(each);
    }
    for (const auto& [id, entry] : membership.entries()) {
      if (id == self_) continue;
      Link& link = links_[id];
      if (link.known != entry.member.raft_address) {
        link.address = link.known = entry.member.raft_address;
      }
      link.is_only_voter = entry.votes && membership.voters() == 1;
    }
  }
  for (const auto& stream : gone) {
    if (stream) stream->close();
  }
}

void RaftTransport::learn(raft::RaftId id, const std::string& address,
                          const std::string& cluster_id) {
  if (id == self_ || address.empty()) return;
  std::shared_ptr<net::FrameStream> gone;
  {
    MutexLock lock(mutex_);
    if (closed_) return;
    if (cluster_id_.empty()) cluster_id_ = cluster_id;
    Link& link = links_[id];
    if (link.address == address || (!link.address.empty() && !link.is_only_voter)) return;
    link.address = address;
    gone = std::exchange(link.stream, nullptr);
    // What is being made leads to where it was.
    link.dialing = false;
    link.number = ++numbers_;
    link.not_before = TimePoint();
  }
  if (gone) gone->close();
}

bool RaftTransport::Link::wait(BytesView message) {
  if (!dialing || waiting_bytes + message.size() > kWaitingBytesMax) return false;
  waiting.emplace_back(message);
  waiting_bytes += message.size();
  return true;
}

void RaftTransport::send(raft::RaftId to, bool is_snapshot, BytesView message) {
  std::shared_ptr<net::FrameStream> stream;
  {
    MutexLock lock(mutex_);
    const auto found = links_.find(to);
    if (found != links_.end()) {
      Link& link = found->second;
      stream = link.stream;
      if (!stream) {
        dial(to, link);
        // Of a snapshot the core wants to know at once whether it has left.
        if (!is_snapshot && link.wait(message)) return;
      }
    }
  }
  const BytesView kind(is_snapshot ? &kSnapshotFrame : &kMessageFrame, 1);
  const bool sent = stream && stream->send(message, kind);
  {
    MutexLock lock(mutex_);
    if (const auto found = links_.find(to); found != links_.end()) {
      PeerReport& counts = found->second.counts;
      counts.sent += sent ? 1 : 0;
      counts.sent_bytes += sent ? message.size() : 0;
      counts.lost += sent ? 0 : 1;
    }
  }
  if (is_snapshot) listener_.on_snapshot_sent(to, sent);
  if (!sent) listener_.on_unreachable(to);
}

void RaftTransport::dial(raft::RaftId to, Link& link) {
  if (closed_ || link.dialing || clock_.now() < link.not_before) return;
  link.dialing = true;
  link.number = ++numbers_;
  link.not_before = clock_.now() + kDialAgain;
  link.counts.connects++;
  net::HeaderFields headers = {{std::string(kClusterHeader), cluster_id_},
                               {std::string(kFromHeader), to_text(self_)},
                               {std::string(kToHeader), to_text(to)},
                               {std::string(kAddressHeader), address_}};
  client_.upgrade({.address = link.address,
                   .target = std::string(kStreamPath),
                   .headers = std::move(headers),
                   .timeout = kDialTimeout},
                  std::string(kStreamProtocol),
                  [this, to, number = link.number](net::UpgradeResult result) {
                    on_dialed(to, number, std::move(result));
                  });
}

void RaftTransport::on_dialed(raft::RaftId to, std::uint64_t number, net::UpgradeResult result) {
  std::shared_ptr<net::FrameStream> stream;
  std::vector<Bytes> waiting;
  {
    MutexLock lock(mutex_);
    const auto found = links_.find(to);
    if (found == links_.end() || found->second.number != number || closed_) return;
    Link& link = found->second;
    link.dialing = false;
    waiting = std::exchange(link.waiting, {});
    link.waiting_bytes = 0;
    if (result.upgraded.ok()) {
      stream = std::make_shared<net::FrameStream>(std::move(result.upgraded->socket),
                                                  result.upgraded->received, stream_options());
      link.stream = stream;
      link.counts.sent += waiting.size();
      for (const Bytes& message : waiting) link.counts.sent_bytes += message.size();
      if (link.trouble.over()) log("transport", "node at {} takes messages again", link.address);
    } else {
      link.counts.lost += waiting.size();
      note_trouble(link, result.upgraded.error());
    }
  }
  if (!stream) {
    if (!waiting.empty()) listener_.on_unreachable(to);
    return;
  }
  // Others may already send what is newer. Raft knows what to make of messages in another order.
  for (const Bytes& message : waiting) stream->send(message, BytesView(&kMessageFrame, 1));
  // Nothing comes this way; it is read to see the end.
  stream->start([](const Bytes&) {},
                [this, to, number](const Status& why) { on_link_closed(to, number, why); });
}

// Somebody may have to do something.
void RaftTransport::note_trouble(Link& link, const Status& why) {
  const bool is_refusal = why.code() == Code::kInvalid;
  if (!link.trouble.failed(why.text(), is_refusal, clock_.now())) return;
  if (is_refusal) {
    log("transport", "node at {} refuses messages of this one: {}", link.address, why.text());
  } else {
    log("transport", "node at {} cannot be sent messages: {}", link.address, why.text());
  }
}

void RaftTransport::on_link_closed(raft::RaftId to, std::uint64_t number, const Status&) {
  std::shared_ptr<net::FrameStream> stream;
  {
    MutexLock lock(mutex_);
    const auto found = links_.find(to);
    if (found == links_.end() || found->second.number != number) return;
    stream = std::move(found->second.stream);
    found->second.stream = nullptr;
  }
  listener_.on_unreachable(to);
}

void RaftTransport::accept(raft::RaftId from, std::unique_ptr<net::Socket> socket,
                           BytesView received) {
  auto stream = std::make_shared<net::FrameStream>(std::move(socket), received, stream_options());
  std::shared_ptr<net::FrameStream> before;
  std::uint64_t number = 0;
  bool late = false;
  {
    MutexLock lock(mutex_);
    late = closed_;
    if (!late) {
      Source& source = sources_[from];
      before = std::exchange(source.stream, stream);
      number = source.number = ++numbers_;
    }
  }
  stream->start([this, from](Bytes frame) { on_frame(from, std::move(frame)); },
                [this, from, number](const Status&) {
                  std::shared_ptr<net::FrameStream> gone;
                  MutexLock lock(mutex_);
                  const auto found = sources_.find(from);
                  if (found == sources_.end() || found->second.number != number) return;
                  gone = std::move(found->second.stream);
                  sources_.erase(found);
                });
  // A member that connects again has given its last stream up.
  if (before) before->close();
  if (late) stream->close();
}

void RaftTransport::on_frame(raft::RaftId from, Bytes frame) {
  if (frame.empty()) return;
  const char kind = frame.back();
  frame.pop_back();
  {
    MutexLock lock(mutex_);
    Heard& heard = heard_[from];
    heard.at = clock_.now();
    heard.messages++;
  }
  if (kind == kMessageFrame) listener_.on_message(from, std::move(frame));
  if (kind == kSnapshotFrame) listener_.on_snapshot(from, std::move(frame));
}

TimePoint RaftTransport::heard_at(raft::RaftId peer) {
  MutexLock lock(mutex_);
  const auto found = heard_.find(peer);
  return found == heard_.end() ? TimePoint() : found->second.at;
}

std::vector<RaftTransport::PeerReport> RaftTransport::report() {
  std::vector<PeerReport> reports;
  MutexLock lock(mutex_);
  for (const auto& [id, link] : links_) {
    PeerReport& report = reports.emplace_back(link.counts);
    report.id = id;
    report.address = link.address;
    report.connected = link.stream != nullptr;
    if (const auto heard = heard_.find(id); heard != heard_.end()) {
      report.received = heard->second.messages;
      report.heard_at = heard->second.at;
    }
    if (link.stream) report.round_trip = link.stream->round_trip();
  }
  return reports;
}

void RaftTransport::close() {
  std::map<raft::RaftId, Link> links;
  std::map<raft::RaftId, Source> sources;
  {
    MutexLock lock(mutex_);
    closed_ = true;
    links = std::exchange(links_, {});
    sources = std::exchange(sources_, {});
  }
  for (const auto& [id, link] : links) {
    if (link.stream) link.stream->close();
  }
  for (const auto& [id, source] : sources) source.stream->close();
}

}  // namespace rqlite::cluster
