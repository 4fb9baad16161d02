#include "queue/pipeline.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "command/request.h"

namespace rqlite::queue {
namespace {

using namespace std::chrono_literals;

// Between two tries to send what did not get through: doubled from the first to the second.
constexpr std::chrono::nanoseconds kBackoffMin = 20ms;
constexpr std::chrono::nanoseconds kBackoffMax = 1s;

// Whether sending it again can never help.
bool is_final(Code code) { return code == Code::kInvalid || code == Code::kTooLarge; }

}  // namespace

bool Pipeline::has_room() const {
  if (flights_.empty()) return true;
  if (flights_.size() >= limits_.batches || bytes_ >= limits_.bytes) return false;
  // Behind one that got lost, none could be applied.
  return std::all_of(flights_.begin(), flights_.end(),
                     [](const Flight& each) { return each.attempt != 0 && !each.in_vain; });
}

void Pipeline::add(std::vector<Request> requests, TimePoint arrived, TimePoint now) {
  CHECK(has_room() && !requests.empty());
  Flight flight;
  flight.first = requests.front().number;
  CHECK(last_added_ == 0 || flight.first == last_added_ + 1);
  for (Request& each : requests) {
    flight.batch += each.encoded;
    each.encoded = {};
  }
  flight.requests = std::move(requests);
  flight.arrived = arrived;
  flight.taken = now;
  last_added_ = flight.last();
  requests_ += flight.requests.size();
  bytes_ += flight.batch.size();
  if (applied_ == 0) applied_ = committed_ = flight.first - 1;
  flights_.push_back(std::move(flight));
}

std::optional<TimePoint> Pipeline::due() const {
  const bool any = std::any_of(flights_.begin(), flights_.end(),
                               [](const Flight& each) { return each.attempt == 0; });
  return any ? std::optional(not_before_) : std::nullopt;
}

std::optional<Pipeline::Send> Pipeline::next_to_send(TimePoint now) {
  if (now < not_before_) return std::nullopt;
  for (Flight& each : flights_) {
    if (each.attempt != 0) continue;
    each.attempt = ++attempts_;
    each.in_vain = false;
    if (each.here) return Send{each.first, each.attempt, {}, each.here->index};
    return Send{each.first, each.attempt, each.batch, std::nullopt};
  }
  return std::nullopt;
}

std::deque<Pipeline::Flight>::iterator Pipeline::find(std::uint64_t first) {
  return std::find_if(flights_.begin(), flights_.end(),
                      [&](const Flight& each) { return each.first == first; });
}

void Pipeline::committed(std::uint64_t first, std::uint64_t attempt) {
  const auto flight = find(first);
  if (flight == flights_.end() || flight->attempt != attempt || flight->in_vain) return;
  flight->committed = true;
  note_progress();
}

void Pipeline::applied_here(std::uint64_t first, Outcome outcome) {
  const auto flight = find(first);
  if (flight == flights_.end()) return;
  flight->here = std::move(outcome);
  committed_ = std::max(committed_, flight->last());
}

std::optional<Pipeline::Landed> Pipeline::applied(std::uint64_t first, Outcome told,
                                                  TimePoint now) {
  const auto flight = find(first);
  if (flight == flights_.end()) return std::nullopt;
  return land(flight, flight->here ? std::move(*flight->here) : std::move(told), now);
}

std::optional<Pipeline::Landed> Pipeline::take_applied_here(TimePoint now) {
  if (flights_.empty() || !flights_.front().here) return std::nullopt;
  return land(flights_.begin(), std::move(*flights_.front().here), now);
}

Pipeline::Landed Pipeline::land(std::deque<Flight>::iterator flight, Outcome outcome,
                                TimePoint now) {
  // Whatever is before it was applied, too, though the answers come later.
  applied_ = std::max(applied_, flight->last());
  committed_ = std::max(committed_, applied_);
  Landed landed{std::move(flight->requests), std::move(outcome), now - flight->taken};
  requests_ -= landed.requests.size();
  bytes_ -= flight->batch.size();
  flights_.erase(flight);
  backoff_ = {};
  not_before_ = {};
  note_progress();
  return landed;
}

bool Pipeline::failed(std::uint64_t first, const Status& why, TimePoint now) {
  const auto flight = find(first);
  if (flight == flights_.end()) return false;
  const bool for_anothers_sake = flight->in_vain;
  flight->attempt = 0;
  if (why.code() == Code::kUnknown) flight->in_doubt = true;
  // What follows one that is in the log for good is as good as before.
  const auto end = flight->here ? std::next(flight) : flights_.end();
  for (auto each = flight; each != end; ++each) {
    each->in_vain = true;
    each->committed = false;
  }
  if (is_final(why.code()) && !flight->refused && !flight->here) {
    flight->refused = true;
    bytes_ -= flight->batch.size();
    flight->batch.clear();
    for (std::size_t i = 0; i < flight->requests.size(); i++) {
      command::append_refused_request(flight->batch, why.text());
    }
    bytes_ += flight->batch.size();
    return true;
  }
  // Those that fail for another's sake wait no longer than that one.
  if (!for_anothers_sake) {
    backoff_ = std::clamp(2 * backoff_, kBackoffMin, kBackoffMax);
    not_before_ = now + backoff_;
  }
  return false;
}

std::uint64_t Pipeline::possible_to() const {
  std::uint64_t possible = committed_;
  for (const Flight& each : flights_) {
    if (each.attempt == 0 && !each.in_doubt && each.last() > committed_) break;
    possible = std::max(possible, each.last());
  }
  return possible;
}

void Pipeline::note_progress() {
  applied_ = std::max(applied_, flights_.empty() ? last_added_ : flights_.front().first - 1);
  committed_ = std::max(committed_, applied_);
  for (const Flight& each : flights_) {
    if (!each.committed && each.last() > committed_) break;
    committed_ = std::max(committed_, each.last());
  }
}

bool Pipeline::is_applied_here() const {
  return !flights_.empty() && std::all_of(flights_.begin(), flights_.end(),
                                          [](const Flight& each) { return each.here.has_value(); });
}

std::vector<Request> Pipeline::take_all() {
  std::vector<Request> left;
  for (Flight& each : flights_) {
    for (Request& request : each.requests) left.push_back(std::move(request));
  }
  flights_.clear();
  requests_ = bytes_ = 0;
  return left;
}

}  // namespace rqlite::queue
