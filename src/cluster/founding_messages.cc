#include "cluster/founding_messages.h"

#include <protozero/pbf_writer.hpp>
#include <utility>

#include "cluster/fields.h"

namespace rqlite::cluster {
namespace {

using protozero::pbf_reader;
using protozero::pbf_tag_type;
using protozero::pbf_writer;

void write_ballot(pbf_writer& writer, pbf_tag_type tag, const Ballot& ballot) {
  pbf_writer inner(writer, tag);
  inner.add_uint64(1, ballot.round);
  inner.add_fixed64(2, ballot.by.value());
}

Ballot read_ballot(pbf_reader reader) {
  Ballot ballot;
  read_fields(reader, [&](pbf_reader& field) {
    switch (field.tag_and_type()) {
      case varint(1):
        ballot.round = field.get_uint64();
        return true;
      case fixed64(2):
        ballot.by = raft::RaftId(field.get_fixed64());
        return true;
      default:
        return false;
    }
  });
  return ballot;
}

void write_attempt(pbf_writer& writer, pbf_tag_type tag, const Attempt& attempt) {
  pbf_writer inner(writer, tag);
  inner.add_string(1, attempt.cluster_id);
  write_ballot(inner, 2, attempt.birth);
  for (const auto& [id, party] : attempt.parties) {
    pbf_writer each(inner, 3);
    each.add_fixed64(1, id.value());
    each.add_string(2, party.member.node_id);
    each.add_string(3, party.member.raft_address);
    each.add_bool(4, party.founds);
  }
}

// Adds a party to `attempt`. False: there is none in it.
bool read_party(pbf_reader reader, Attempt& attempt) {
  raft::RaftId id;
  Attempt::Party party;
  read_fields(reader, [&](pbf_reader& field) {
    switch (field.tag_and_type()) {
      case fixed64(1):
        id = raft::RaftId(field.get_fixed64());
        return true;
      case text(2):
        party.member.node_id = field.get_string();
        return true;
      case text(3):
        party.member.raft_address = field.get_string();
        return true;
      case varint(4):
        party.founds = field.get_uint64() != 0;
        return true;
      default:
        return false;
    }
  });
  if (id == raft::RaftId() || party.member.node_id.empty() || party.member.raft_address.empty()) {
    return false;
  }
  attempt.parties[id] = std::move(party);
  return true;
}

std::optional<Attempt> read_attempt(pbf_reader reader) {
  Attempt attempt;
  bool whole = true;
  read_fields(reader, [&](pbf_reader& field) {
    switch (field.tag_and_type()) {
      case text(1):
        attempt.cluster_id = field.get_string();
        return true;
      case text(2):
        attempt.birth = read_ballot(field.get_message());
        return true;
      case text(3):
        whole = read_party(field.get_message(), attempt) && whole;
        return true;
      default:
        return false;
    }
  });
  if (!whole || attempt.cluster_id.empty()) return std::nullopt;
  return attempt;
}

// An attempt that can be voted on.
bool makes_sense(const Attempt& attempt) {
  return attempt.birth.round > 0 && !attempt.parties.empty() && !attempt.members().empty();
}

std::optional<Verdict> verdict_of(std::uint64_t number) {
  if (number == static_cast<std::uint64_t>(Verdict::kFound)) return Verdict::kFound;
  if (number == static_cast<std::uint64_t>(Verdict::kDrop)) return Verdict::kDrop;
  return std::nullopt;
}

void write_accepted(pbf_writer& writer, pbf_tag_type tag, const FoundingVote::Accepted& accepted) {
  pbf_writer inner(writer, tag);
  write_ballot(inner, 1, accepted.ballot);
  inner.add_uint64(2, static_cast<std::uint64_t>(accepted.verdict));
}

std::optional<FoundingVote::Accepted> read_accepted(pbf_reader reader) {
  Ballot ballot;
  std::optional<Verdict> verdict;
  read_fields(reader, [&](pbf_reader& field) {
    switch (field.tag_and_type()) {
      case text(1):
        ballot = read_ballot(field.get_message());
        return true;
      case varint(2):
        verdict = verdict_of(field.get_uint64());
        return true;
      default:
        return false;
    }
  });
  if (!verdict) return std::nullopt;
  return FoundingVote::Accepted{ballot, *verdict};
}

}  // namespace

Bytes encode(const FounderView& view) {
  Bytes bytes;
  pbf_writer writer(bytes);
  writer.add_fixed64(1, view.identity.raft_id.value());
  writer.add_string(2, view.identity.node_id);
  writer.add_string(3, view.raft_address);
  writer.add_bool(4, view.wants_vote);
  writer.add_uint64(5, view.expect);
  writer.add_string(6, view.cluster_id);
  write_ballot(writer, 7, view.promised);
  if (view.attempt) write_attempt(writer, 8, *view.attempt);
  for (const std::string& address : view.addresses) writer.add_string(9, address);
  return bytes;
}

std::optional<FounderView> decode_founder_view(BytesView bytes) {
  FounderView view;
  view.wants_vote = false;
  bool whole = true;
  const bool read = read_fields(bytes, [&](pbf_reader& field) {
    switch (field.tag_and_type()) {
      case fixed64(1):
        view.identity.raft_id = raft::RaftId(field.get_fixed64());
        return true;
      case text(2):
        view.identity.node_id = field.get_string();
        return true;
      case text(3):
        view.raft_address = field.get_string();
        return true;
      case varint(4):
        view.wants_vote = field.get_uint64() != 0;
        return true;
      case varint(5):
        view.expect = field.get_uint64();
        return true;
      case text(6):
        view.cluster_id = field.get_string();
        return true;
      case text(7):
        view.promised = read_ballot(field.get_message());
        return true;
      case text(8):
        view.attempt = read_attempt(field.get_message());
        whole = whole && view.attempt && makes_sense(*view.attempt);
        return true;
      case text(9):
        view.addresses.push_back(field.get_string());
        return true;
      default:
        return false;
    }
  });
  if (!read || !whole || view.identity.raft_id == raft::RaftId() || view.identity.node_id.empty() ||
      view.raft_address.empty()) {
    return std::nullopt;
  }
  return view;
}

Bytes encode(const FoundingRequest& request) {
  Bytes bytes;
  pbf_writer writer(bytes);
  writer.add_uint64(1, static_cast<std::uint64_t>(request.kind));
  if (request.kind == FoundingRequest::Kind::kView) return bytes;
  writer.add_fixed64(2, request.to.value());
  write_attempt(writer, 3, request.attempt);
  write_ballot(writer, 4, request.ballot);
  writer.add_uint64(5, static_cast<std::uint64_t>(request.verdict));
  return bytes;
}

std::optional<FoundingRequest> decode_founding_request(BytesView bytes) {
  using Kind = FoundingRequest::Kind;
  FoundingRequest request;
  std::uint64_t kind = 0;
  std::optional<Attempt> attempt;
  std::optional<Verdict> verdict;
  const bool read = read_fields(bytes, [&](pbf_reader& field) {
    switch (field.tag_and_type()) {
      case varint(1):
        kind = field.get_uint64();
        return true;
      case fixed64(2):
        request.to = raft::RaftId(field.get_fixed64());
        return true;
      case text(3):
        attempt = read_attempt(field.get_message());
        return true;
      case text(4):
        request.ballot = read_ballot(field.get_message());
        return true;
      case varint(5):
        verdict = verdict_of(field.get_uint64());
        return true;
      default:
        return false;
    }
  });
  if (!read || kind < static_cast<std::uint64_t>(Kind::kView) ||
      kind > static_cast<std::uint64_t>(Kind::kLearn)) {
    return std::nullopt;
  }
  request.kind = static_cast<Kind>(kind);
  if (request.kind == Kind::kView) return request;
  if (!attempt || !verdict || request.to == raft::RaftId()) return std::nullopt;
  if (request.kind == Kind::kPrepare && !makes_sense(*attempt)) return std::nullopt;
  request.attempt = std::move(*attempt);
  request.verdict = *verdict;
  return request;
}

Bytes encode(const FoundingVote::Answer& answer) {
  Bytes bytes;
  pbf_writer writer(bytes);
  writer.add_uint64(1, static_cast<std::uint64_t>(answer.kind));
  write_ballot(writer, 2, answer.promised);
  if (answer.accepted) write_accepted(writer, 3, *answer.accepted);
  writer.add_bool(4, answer.is_elsewhere);
  return bytes;
}

std::optional<FoundingVote::Answer> decode_vote_answer(BytesView bytes) {
  using Kind = FoundingVote::Answer::Kind;
  FoundingVote::Answer answer;
  std::optional<std::uint64_t> kind;
  bool whole = true;
  const bool read = read_fields(bytes, [&](pbf_reader& field) {
    switch (field.tag_and_type()) {
      case varint(1):
        kind = field.get_uint64();
        return true;
      case text(2):
        answer.promised = read_ballot(field.get_message());
        return true;
      case text(3):
        answer.accepted = read_accepted(field.get_message());
        whole = whole && answer.accepted.has_value();
        return true;
      case varint(4):
        answer.is_elsewhere = field.get_uint64() != 0;
        return true;
      default:
        return false;
    }
  });
  if (!read || !whole || !kind || *kind > static_cast<std::uint64_t>(Kind::kIsFounded)) {
    return std::nullopt;
  }
  answer.kind = static_cast<Kind>(*kind);
  return answer;
}

Bytes encode_vote_state(const FoundingVote::State& state) {
  Bytes bytes;
  pbf_writer writer(bytes);
  write_ballot(writer, 1, state.promised);
  if (state.attempt) write_attempt(writer, 2, *state.attempt);
  if (state.accepted) write_accepted(writer, 3, *state.accepted);
  writer.add_bool(4, state.is_founded);
  return bytes;
}

std::optional<FoundingVote::State> decode_vote_state(BytesView bytes) {
  FoundingVote::State state;
  bool whole = true;
  bool has_promise = false;
  const bool read = read_fields(bytes, [&](pbf_reader& field) {
    switch (field.tag_and_type()) {
      case text(1):
        state.promised = read_ballot(field.get_message());
        has_promise = true;
        return true;
      case text(2):
        state.attempt = read_attempt(field.get_message());
        whole = whole && state.attempt && makes_sense(*state.attempt);
        return true;
      case text(3):
        state.accepted = read_accepted(field.get_message());
        whole = whole && state.accepted.has_value();
        return true;
      case varint(4):
        state.is_founded = field.get_uint64() != 0;
        return true;
      default:
        return false;
    }
  });
  // What is accepted is accepted of an attempt.
  if (!read || !whole || !has_promise) return std::nullopt;
  if (!state.attempt && (state.accepted || state.is_founded)) return std::nullopt;
  return state;
}

}  // namespace rqlite::cluster
