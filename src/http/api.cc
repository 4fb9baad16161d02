#include "http/api.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "http/backup.h"
#include "http/basic_auth.h"
#include "http/console.h"
#include "http/elsewhere.h"
#include "http/execute.h"
#include "http/load.h"
#include "http/membership.h"
#include "http/metrics.h"
#include "http/query.h"
#include "http/query_reply.h"
#include "http/queue_state.h"
#include "http/readiness.h"
#include "http/sql_analysis.h"
#include "http/status.h"
#include "http/unified.h"
#include "http/upload_source.h"
#include "http/write_reply.h"

namespace rqlite::http {

// First match wins; a prefix matches whatever begins with it.
struct Api::Route {
  std::string_view path;
  bool is_prefix;
  std::string_view methods;  // separated by blanks; empty: all
  Permissions needed;        // empty: none is asked for, nor counted
  std::string_view preset_type;
  std::optional<Counter> counter;
  void (Api::*handler)(net::Request, std::shared_ptr<net::Reply>);

  [[nodiscard]] bool allows(std::string_view method) const;
};

bool Api::Route::allows(std::string_view method) const {
  if (methods.empty()) return true;
  for (std::size_t at = 0; at < methods.size();) {
    const std::size_t end = std::min(methods.find(' ', at), methods.size());
    if (methods.substr(at, end - at) == method) return true;
    at = end + 1;
  }
  return false;
}

std::optional<net::Response> Api::find_route(net::Request& request, const Route*& route) {
  using enum Permission;
  static const std::array<Route, 23> kRoutes{{
      {"/db/execute",
       true,
       "POST",
       {kExecute},
       net::kJsonType,
       Counter::kExecutions,
       &Api::execute},
      {"/db/query", true, "GET POST", {kQuery}, net::kJsonType, Counter::kQueries, &Api::query},
      {"/db/request",
       true,
       "POST",
       {kQuery, kExecute},
       net::kJsonType,
       Counter::kRequests,
       &Api::unified},
      {"/db/queue", false, "GET", {kExecute}, net::kJsonType, {}, &Api::queue_state},
      {"/db/backup", true, "GET", {kBackup}, {}, Counter::kBackups, &Api::backup},
      {"/db/load", true, "POST", {kLoad}, {}, Counter::kLoads, &Api::load},
      {"/db/sql",
       true,
       "GET POST",
       {kQuery},
       net::kJsonType,
       Counter::kSqlAnalyze,
       &Api::analyze_sql},
      {"/boot", false, "POST", {kLoad}, {}, Counter::kBoot, &Api::boot},
      {"/snapshot", false, "POST", {kSnapshot}, {}, Counter::kUserSnapshots, &Api::snapshot},
      {"/reap", false, "POST", {kSnapshot}, {}, Counter::kUserReaps, &Api::reap},
      {"/remove", true, "DELETE", {kRemove}, {}, {}, &Api::remove},
      {"/status", true, "GET", {kStatus}, net::kJsonType, Counter::kStatus, &Api::status},
      {"/metrics", false, "GET", {kStatus}, {}, {}, &Api::metrics},
      {"/nodes", true, "GET", {kStatus}, net::kJsonType, {}, &Api::nodes},
      {"/leader", false, "GET POST", {kLeaderOps}, net::kJsonType, {}, &Api::leader},
      {"/readyz", true, "GET", {kReady}, {}, Counter::kReadyz, &Api::ready},
      {"/licenses", false, "GET", {kStatus}, net::kTextType, {}, &Api::licenses},
      {"/debug/vars", false, {}, {kStatus}, net::kJsonType, {}, &Api::debug_vars},
      {"/debug/pprof", true, {}, {kStatus}, {}, {}, &Api::profile},
      {"/", false, {}, {}, {}, {}, &Api::root},
      {"", false, {}, {}, {}, {}, &Api::root},
      {"/console", false, {}, {}, {}, {}, &Api::console_root},
      {"/console", true, "GET HEAD", {kUi}, {}, Counter::kUi, &Api::console},
  }};
  if (request.method == "OPTIONS") return net::Response::bare(200);
  Result<net::Parameters> parameters = net::Parameters::parse(request.raw_query);
  if (!parameters.ok()) return net::Response::text(400, parameters.error().text());
  request.parameters = std::move(*parameters);
  const std::string_view path = request.path;
  for (const Route& each : kRoutes) {
    if (each.is_prefix ? !path.starts_with(each.path) : path != each.path) continue;
    route = &each;
    return std::nullopt;
  }
  return net::Response::bare(404);
}

namespace {

// Who asks, as far as the request says. Several fields say nothing: another server on the way may
// have looked at another one.
std::optional<Login> login_of(const net::Request& request) {
  const std::vector<std::string_view> values = request.headers->values("Authorization");
  return values.size() == 1 ? parse_basic_auth(values.front()) : std::nullopt;
}

}  // namespace

Api::Api(Options options, const Clock& clock)
    : gate_(std::move(options.credentials)), options_(std::move(options)), clock_(clock) {}

void Api::open(store::Store& store, queue::WriteQueue& queue, cluster::Cluster* cluster) {
  cluster_ = cluster;
  queue_ = &queue;
  store_ = &store;
}

void Api::may(const net::Request& request, Permissions needed, std::function<void(bool)> then) {
  if (!gate_.asks_for_credentials()) return then(true);
  std::optional<Login> login = login_of(request);
  const Credentials::Verdict verdict = gate_.check(login, needed);
  if (verdict != Credentials::Verdict::kNeedsHashing) {
    return then(verdict == Credentials::Verdict::kAllowed);
  }
  if (!gate_.verify(std::move(login), needed, then)) then(false);
}

namespace {

// It may have another copy of the request, here before a restart or at another leader: to go on
// trying is up to the node that passes it on.
net::Response not_open_to_nodes() {
  return cluster::failure({Code::kUnavailable, "store not open"});
}

}  // namespace

void Api::handle(net::Request request, std::shared_ptr<net::Reply> reply) {
  if (request.passed_on && store_ == nullptr) return reply->send(not_open_to_nodes());
  const Route* route = nullptr;
  if (std::optional<net::Response> answer = find_route(request, route)) {
    return reply->send(std::move(*answer));
  }
  if (route->needed.empty() || !gate_.asks_for_credentials()) {
    return decided(*route, true, std::move(request), std::move(reply));
  }
  std::optional<Login> login = login_of(request);
  switch (gate_.check(login, route->needed)) {
    case Credentials::Verdict::kAllowed:
      return decided(*route, true, std::move(request), std::move(reply));
    case Credentials::Verdict::kDenied:
      return decided(*route, false, std::move(request), std::move(reply));
    case Credentials::Verdict::kNeedsHashing:
      return handle_when_hashed(*route, std::move(login), std::move(request), std::move(reply));
  }
}

namespace {

net::Response too_many_hashes() {
  net::Response response = net::Response::text(503, "too many passwords wait to be checked");
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace

void Api::handle_when_hashed(const Route& route, std::optional<Login> login, net::Request request,
                             std::shared_ptr<net::Reply> reply) {
  // Its headers have to last until then.
  const std::shared_ptr<const net::Headers> headers = request.headers->keep();
  const auto waiting = std::make_shared<net::Request>(std::move(request));
  waiting->headers = headers.get();
  const bool waits = gate_.verify(std::move(login), route.needed,
                                  [this, &route, headers, waiting, reply](bool allowed) {
                                    reply->post([this, &route, headers, waiting, reply, allowed] {
                                      decided(route, allowed, std::move(*waiting), reply);
                                    });
                                  });
  if (!waits) reply->send(too_many_hashes());
}

void Api::decided(const Route& route, bool allowed, net::Request request,
                  std::shared_ptr<net::Reply> reply) {
  if (std::optional<net::Response> answer =
          judge(route, allowed, request.method, request.passed_on)) {
    return reply->send(std::move(*answer));
  }
  (this->*route.handler)(std::move(request), std::move(reply));
}

net::Response Api::remote_refusal(const Route& route) {
  std::string what = "request";
  if (route.handler == &Api::execute) what = "Execute";
  if (route.handler == &Api::query) what = "query";
  if (route.handler == &Api::unified) what = "Request";
  if (route.handler == &Api::backup) what = "backup";
  if (route.handler == &Api::load) what = "load";
  if (route.handler == &Api::remove) what = "remove node";
  if (route.handler == &Api::leader) what = "stepdown";
  return net::Response::text(401, "remote " + what + " not authorized");
}

std::optional<net::Response> Api::judge(const Route& route, bool allowed, std::string_view method,
                                        bool passed_on) {
  if (route.counter) counters_.add(*route.counter);
  if (!route.needed.empty()) counters_.add(allowed ? Counter::kAuthOk : Counter::kAuthFail);
  if (!allowed && passed_on) return remote_refusal(route);
  if (!allowed) return net::Response::bare(401, route.preset_type);
  if (!route.allows(method)) return net::Response::bare(405, route.preset_type);
  return std::nullopt;
}

void Api::admit(net::Request head, std::function<void(Admission)> then) {
  if (head.passed_on && store_ == nullptr) return then({not_open_to_nodes(), nullptr});
  const Route* found = nullptr;
  if (std::optional<net::Response> answer = find_route(head, found))
    return then({*answer, nullptr});
  const Route& route = *found;
  std::optional<Login> login = login_of(head);
  switch (gate_.check(login, route.needed)) {
    case Credentials::Verdict::kAllowed:
      return then(admission(route, true, head.method, head.passed_on));
    case Credentials::Verdict::kDenied:
      return then(admission(route, false, head.method, head.passed_on));
    case Credentials::Verdict::kNeedsHashing:
      break;
  }
  auto tell = [this, &route, method = head.method, passed_on = head.passed_on, then](bool allowed) {
    then(admission(route, allowed, method, passed_on));
  };
  if (!gate_.verify(std::move(login), route.needed, tell)) then({too_many_hashes(), nullptr});
}

net::Handler::Admission Api::admission(const Route& route, bool allowed, std::string_view method,
                                       bool passed_on) {
  // What passes is counted when it is whole.
  if (!allowed || !route.allows(method)) return {judge(route, allowed, method, passed_on), nullptr};
  store::Store* store = store_;
  const bool takes_file = route.handler == &Api::load || route.handler == &Api::boot;
  if (!takes_file || store == nullptr) return {};
  return {std::nullopt, std::make_shared<Upload>(uploads_, store->files(), store->scratch_path())};
}

namespace {

// Says so, if nobody knows what became of something that another node was to do.
Status as_outcome(const Status& why) {
  return why.code() == Code::kUnknown ? why.with_context("the outcome is unknown") : why;
}

}  // namespace

net::Response Api::nothing_came_of_it(const Status& why) {
  return why.code() == Code::kNoLeader ? leader_not_found(counters_)
                                       : net::Response::text(500, why.text());
}

bool Api::done_elsewhere(const net::Request& request, const std::shared_ptr<net::Reply>& reply,
                         std::string_view preset_type, const std::string& context) {
  return answered_elsewhere(request, reply, store_, cluster_, {preset_type, counters_},
                            [context](const Status& why) {
                              return net::Response::text(500, context + as_outcome(why).text());
                            });
}

namespace {

// Tells another node, if that one has the request from a client, why nothing came of it.
OnRefused refusal_of(const net::Request& request, const std::shared_ptr<net::Reply>& reply) {
  if (!request.passed_on) return nullptr;
  return [reply](const Status& why) { reply->send(cluster::failure(why)); };
}

// Of a request that may write, if another node has it from a client.
std::optional<Passage> passage_of(const net::Request& request,
                                  const std::shared_ptr<net::Reply>& reply) {
  if (!request.passed_on) return std::nullopt;
  const std::optional<command::Origin> origin = cluster::origin_of(request);
  if (!origin) return std::nullopt;
  return Passage{*origin, refusal_of(request, reply)};
}

}  // namespace

void Api::execute(net::Request request, std::shared_ptr<net::Reply> reply) {
  if (request.parameters.has("queue")) return execute_queued(std::move(request), std::move(reply));
  const auto here = [this](net::Request& request_, std::shared_ptr<net::Reply> reply_,
                           std::optional<Passage> passage) {
    http::execute(request_, std::move(reply_), store_, served_by(request_), counters_,
                  std::move(passage));
  };
  write(std::move(request), std::move(reply), here);
}

void Api::write(net::Request request, std::shared_ptr<net::Reply> reply, const WriteHere& here) {
  const RequestOptions options(request.parameters, counters_);
  const bool elsewhere = written_elsewhere(
      request, reply, store_, cluster_, {net::kJsonType, counters_},
      [here](net::Request later, std::shared_ptr<net::Reply> to,
             const std::optional<command::Origin>& origin, OnRefused refused) {
        here(later, std::move(to), Passage{*origin, std::move(refused)});
      },
      [options](const Status& why) { return refused(options, as_outcome(why)); });
  if (elsewhere) return;
  std::optional<Passage> passage = passage_of(request, reply);
  here(request, std::move(reply), std::move(passage));
}

void Api::execute_queued(net::Request request, std::shared_ptr<net::Reply> reply) {
  http::execute_queued(request, std::move(reply), {store_, queue_, cluster_, clock_, counters_},
                       options_.queue_requests_are_atomic);
}

void Api::query(net::Request request, std::shared_ptr<net::Reply> reply) {
  store::Store* store = store_;
  const auto answer = [this](net::Request request_, std::shared_ptr<net::Reply> reply_,
                             const std::optional<command::Origin>&, OnRefused refused) {
    http::query(request_, std::move(reply_), store_, served_by(request_), counters_,
                std::move(refused));
  };
  if (store != nullptr && !store->is_leader()) {
    const store::Query query = query_of(request.parameters, *store);
    const RequestOptions options(request.parameters, counters_);
    const auto within = query.level == store::Level::kLinearizable
                            ? query.linearizable_timeout
                            : std::chrono::nanoseconds::max();
    if (query.level != store::Level::kNone &&
        read_elsewhere(request, reply, store, cluster_, {net::kJsonType, counters_}, within, answer,
                       [options](const Status& why) { return refused(options, why); })) {
      return;
    }
  }
  OnRefused refusal = refusal_of(request, reply);
  answer(std::move(request), std::move(reply), {}, std::move(refusal));
}

void Api::unified(net::Request request, std::shared_ptr<net::Reply> reply) {
  store::Store* store = store_;
  const auto answer = [this](net::Request& request_, std::shared_ptr<net::Reply> reply_,
                             std::optional<Passage> passage) {
    http::unified(request_, std::move(reply_), store_, served_by(request_), counters_,
                  std::move(passage));
  };
  const bool for_leader = store != nullptr && !store->is_leader();
  const bool reads_here =
      store == nullptr || query_of(request.parameters, *store).level == store::Level::kNone;
  if (for_leader && !reads_here) return write(std::move(request), std::move(reply), answer);
  if (!for_leader || request.passed_on) {
    std::optional<Passage> passage = passage_of(request, reply);
    return answer(request, std::move(reply), std::move(passage));
  }
  // What only reads is answered here; that it does is not known yet.
  const std::shared_ptr<const net::Headers> headers = request.headers->keep();
  const auto kept = std::make_shared<net::Request>(request);
  kept->headers = headers.get();
  http::unified(request, reply, store, served_by(request), counters_, std::nullopt,
                [this, kept, headers, reply, answer] {
                  reply->post([this, kept, headers, reply, answer] {
                    write(std::move(*kept), reply, answer);
                  });
                });
}

void Api::queue_state(net::Request request, std::shared_ptr<net::Reply> reply) {
  http::queue_state(request, std::move(reply), store_, queue_, counters_);
}

void Api::metrics(net::Request, std::shared_ptr<net::Reply> reply) {
  store::Store* store = store_;
  if (store == nullptr || !store->is_leader()) {
    return reply->send(
        http::metrics(store, queue_, shown_, std::nullopt, options_.process_metrics));
  }
  // How far others are only the Raft thread knows.
  std::vector<raft::RaftId> members;
  const store::Membership membership = store->membership();
  for (const auto& [id, entry] : membership.entries()) members.push_back(id);
  store->consensus().matches(
      std::move(members), [this, store, reply](store::Consensus::Matches matches) {
        reply->post([this, store, reply, matches = std::move(matches)] {
          reply->send(http::metrics(store, queue_, shown_, matches, options_.process_metrics));
        });
      });
}

Bytes Api::metrics_text() const {
  return http::metrics(store_, queue_, shown_, std::nullopt, options_.process_metrics).body;
}

void Api::ready(net::Request request, std::shared_ptr<net::Reply> reply) {
  http::readiness(request, std::move(reply), store_, cluster_);
}

void Api::status(net::Request request, std::shared_ptr<net::Reply> reply) {
  const std::int64_t backup = last_backup_;
  const auto last_backup =
      backup == 0 ? std::nullopt : std::optional(WallTime(std::chrono::nanoseconds(backup)));
  reply->send(http::status(request, store_, queue_, shown_, last_backup, options_.process_status));
}

std::shared_ptr<Upload> Api::upload_of(net::Request& request, store::Store& store) {
  if (auto taken = std::dynamic_pointer_cast<Upload>(request.taken)) return taken;
  // It came with the head, or before the store was open.
  auto upload = std::make_shared<Upload>(uploads_, store.files(), store.scratch_path());
  if (!upload->keep(request.body)) return nullptr;
  return upload;
}

void Api::load(net::Request request, std::shared_ptr<net::Reply> reply) {
  store::Store* store = store_;
  auto body = store == nullptr ? nullptr : upload_of(request, *store);
  if (!body) store = nullptr;
  if (body && loaded_elsewhere(request, reply, body)) return;
  http::load(request, std::move(reply), store, std::move(body), served_by(request), counters_);
}

bool Api::loaded_elsewhere(const net::Request& request, const std::shared_ptr<net::Reply>& reply,
                           const std::shared_ptr<Upload>& body) {
  const RequestOptions options(request.parameters, counters_);
  return answered_elsewhere(
      request, reply, store_, cluster_, {{}, counters_},
      [options, body](const Status& why) { return load_unanswered(options, *body, why); },
      source_of(body));
}

void Api::boot(net::Request request, std::shared_ptr<net::Reply> reply) {
  store::Store* store = store_;
  auto body = store == nullptr ? nullptr : upload_of(request, *store);
  if (!body) store = nullptr;
  http::boot(std::move(reply), store, std::move(body), counters_);
}

void Api::backup(net::Request request, std::shared_ptr<net::Reply> reply) {
  const auto answer = [this](net::Request request_, std::shared_ptr<net::Reply> reply_,
                             const std::optional<command::Origin>&, OnRefused refused) {
    http::backup(request_, std::move(reply_), store_, counters_, std::move(refused), [this] {
      counters_.add(StoreCounter::kBackups);
      last_backup_ = std::chrono::nanoseconds(clock_.wall_now().time_since_epoch()).count();
    });
  };
  const auto failed = [this](const Status& why) { return nothing_came_of_it(why); };
  if (!request.parameters.has("noleader") &&
      read_elsewhere(request, reply, store_, cluster_, {backup_type(request.parameters), counters_},
                     std::chrono::nanoseconds::max(), answer, failed)) {
    return;
  }
  OnRefused refusal = refusal_of(request, reply);
  answer(std::move(request), std::move(reply), {}, std::move(refusal));
}

void Api::analyze_sql(net::Request request, std::shared_ptr<net::Reply> reply) {
  http::analyze_sql(request, std::move(reply), store_, counters_);
}

void Api::snapshot(net::Request request, std::shared_ptr<net::Reply> reply) {
  store::Store* store = store_;
  if (store == nullptr) return reply->send(net::Response::text(503, "store not open"));
  const std::int64_t trailing = request.parameters.number("trailing_logs", 0);
  std::optional<std::uint64_t> kept;
  if (trailing > 0) kept = static_cast<std::uint64_t>(trailing);
  store->snapshot(kept, [this, reply](const store::Snapshotter::Outcome& outcome) {
    if (!outcome.status.ok()) {
      counters_.add(StoreCounter::kUserSnapshotsFailed);
      return reply->send(net::Response::text(500, outcome.status.text()));
    }
    if (!outcome.nothing_new) counters_.add(StoreCounter::kUserSnapshots);
    reply->send(net::Response::bare(outcome.nothing_new ? 204 : 200));
  });
}

void Api::reap(net::Request, std::shared_ptr<net::Reply> reply) {
  if (store_ == nullptr) return reply->send(net::Response::text(503, "store not open"));
  // A snapshot takes the place of the one before, and nothing is left to be reaped.
  reply->send(net::Response::json("{\"snapshots_reaped\":0,\"wals_checkpointed\":0}\n"));
}

void Api::nodes(net::Request request, std::shared_ptr<net::Reply> reply) {
  http::nodes(request, std::move(reply), store_, cluster_, options_.identity);
}

void Api::leader(net::Request request, std::shared_ptr<net::Reply> reply) {
  if (request.method == "GET") {
    return http::leader(request, std::move(reply), store_, cluster_, options_.identity);
  }
  if (std::optional<net::Response> bad = bad_successor(request)) return reply->send(*bad);
  if (done_elsewhere(request, reply, net::kJsonType, "stepdown: ")) return;
  http::step_down(request, std::move(reply), store_, cluster_, served_by(request), counters_);
}

void Api::remove(net::Request request, std::shared_ptr<net::Reply> reply) {
  if (std::optional<net::Response> bad = bad_removal(request)) return reply->send(*bad);
  const auto failed = [this](const Status& why) { return nothing_came_of_it(as_outcome(why)); };
  const auto answer = [this](const net::Request& request_, std::shared_ptr<net::Reply> reply_,
                             const std::optional<command::Origin>&, OnRefused refused) {
    http::remove_node(request_, std::move(reply_), store_, cluster_, served_by(request_),
                      std::move(refused));
  };
  if (done_by_leader(request, reply, store_, cluster_, {{}, counters_}, answer, failed)) return;
  OnRefused refusal = refusal_of(request, reply);
  if (!refusal) refusal = [reply, failed](const Status& why) { reply->send(failed(why)); };
  answer(request, std::move(reply), {}, std::move(refusal));
}

void Api::root(net::Request request, std::shared_ptr<net::Reply> reply) {
  reply->send(http::redirect_to_console(request, 302));
}

void Api::console_root(net::Request request, std::shared_ptr<net::Reply> reply) {
  reply->send(http::redirect_to_console(request, 301));
}

void Api::console(net::Request request, std::shared_ptr<net::Reply> reply) {
  reply->send(http::console(request));
}

void Api::licenses(net::Request, std::shared_ptr<net::Reply> reply) {
  reply->send(http::licenses());
}

void Api::debug_vars(net::Request request, std::shared_ptr<net::Reply> reply) {
  reply->send(http::debug_vars(request, counters_, store_, queue_, shown_, options_.process_vars));
}

// Profiles are made from outside, by `perf` and the like.
void Api::profile(net::Request, std::shared_ptr<net::Reply> reply) {
  reply->send(net::Response::text(404, "404 page not found"));
}

}  // namespace rqlite::http
