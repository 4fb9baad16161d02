#include "http/api.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "http/backup.h"
#include "http/execute.h"
#include "http/load.h"
#include "http/metrics.h"
#include "http/query.h"
#include "http/queue_state.h"
#include "http/readiness.h"
#include "http/status.h"
#include "http/unified.h"

namespace rqlite::http {

// First match wins; a prefix matches whatever begins with it.
struct Api::Route {
  std::string_view path;
  bool is_prefix;
  std::string_view methods;  // separated by blanks
  std::string_view preset_type;
  void (Api::*handler)(Request, std::shared_ptr<Reply>);
};

const Api::Route* Api::find_route(const std::string& path) {
  static const std::array<Route, 11> kRoutes{{
      {"/db/execute", true, "POST", kJsonType, &Api::execute},
      {"/db/query", true, "GET POST", kJsonType, &Api::query},
      {"/db/request", true, "POST", kJsonType, &Api::unified},
      {"/db/queue", false, "GET", kJsonType, &Api::queue_state},
      {"/metrics", false, "GET", {}, &Api::metrics},
      {"/db/load", true, "POST", {}, &Api::load},
      {"/boot", false, "POST", {}, &Api::boot},
      {"/db/backup", true, "GET", {}, &Api::backup},
      {"/snapshot", false, "POST", {}, &Api::snapshot},
      {"/status", true, "GET", kJsonType, &Api::status},
      {"/readyz", true, "GET", {}, &Api::ready},
  }};
  for (const Route& route : kRoutes) {
    if (route.is_prefix ? path.starts_with(route.path) : path == route.path) return &route;
  }
  return nullptr;
}

void Api::open(store::Store& store, queue::WriteQueue& queue) {
  queue_ = &queue;
  store_ = &store;
}

void Api::handle(Request request, std::shared_ptr<Reply> reply) {
  if (request.method == "OPTIONS") return reply->send(Response::bare(200));
  Result<Parameters> parameters = Parameters::parse(request.raw_query);
  if (!parameters.ok()) return reply->send(Response::text(400, parameters.error().text()));
  request.parameters = std::move(*parameters);
  const Route* route = find_route(request.path);
  if (route == nullptr) return reply->send(Response::bare(404));
  const std::string_view methods = route->methods;
  bool allowed = false;
  for (std::size_t at = 0; at < methods.size();) {
    const std::size_t end = std::min(methods.find(' ', at), methods.size());
    allowed = allowed || methods.substr(at, end - at) == request.method;
    at = end + 1;
  }
  if (!allowed) return reply->send(Response::bare(405, route->preset_type));
  (this->*route->handler)(std::move(request), std::move(reply));
}

void Api::execute(Request request, std::shared_ptr<Reply> reply) {
  if (request.parameters.has("queue")) return execute_queued(std::move(request), std::move(reply));
  http::execute(request, std::move(reply), store_, options_.http_address);
}

void Api::execute_queued(Request request, std::shared_ptr<Reply> reply) {
  http::execute_queued(request, std::move(reply), store_, queue_, clock_,
                       options_.queue_requests_are_atomic);
}

void Api::query(Request request, std::shared_ptr<Reply> reply) {
  http::query(request, std::move(reply), store_, options_.http_address);
}

void Api::unified(Request request, std::shared_ptr<Reply> reply) {
  http::unified(request, std::move(reply), store_, options_.http_address);
}

void Api::queue_state(Request request, std::shared_ptr<Reply> reply) {
  http::queue_state(request, std::move(reply), store_, queue_);
}

void Api::metrics(Request, std::shared_ptr<Reply> reply) {
  reply->send(http::metrics(store_, queue_, options_.process_metrics));
}

void Api::ready(Request request, std::shared_ptr<Reply> reply) {
  http::readiness(request, std::move(reply), store_);
}

void Api::status(Request request, std::shared_ptr<Reply> reply) {
  reply->send(http::status(request, store_, queue_, options_.process_status));
}

std::shared_ptr<BodySink> Api::body_sink(const Request& head) {
  store::Store* store = store_;
  const Route* route = find_route(head.path);
  const bool takes_file =
      route != nullptr && (route->handler == &Api::load || route->handler == &Api::boot);
  if (!takes_file || store == nullptr || head.method != "POST") return nullptr;
  return std::make_shared<Upload>(uploads_, store->files(), store->scratch_path());
}

std::shared_ptr<Upload> Api::upload_of(Request& request, store::Store& store) {
  if (auto taken = std::dynamic_pointer_cast<Upload>(request.taken)) return taken;
  // It came with the head, or before the store was open.
  auto upload = std::make_shared<Upload>(uploads_, store.files(), store.scratch_path());
  if (!upload->keep(request.body)) return nullptr;
  return upload;
}

void Api::load(Request request, std::shared_ptr<Reply> reply) {
  store::Store* store = store_;
  auto body = store == nullptr ? nullptr : upload_of(request, *store);
  if (!body) store = nullptr;
  http::load(request, std::move(reply), store, std::move(body), options_.http_address);
}

void Api::boot(Request request, std::shared_ptr<Reply> reply) {
  store::Store* store = store_;
  auto body = store == nullptr ? nullptr : upload_of(request, *store);
  if (!body) store = nullptr;
  http::boot(std::move(reply), store, std::move(body));
}

void Api::backup(Request request, std::shared_ptr<Reply> reply) {
  http::backup(request, std::move(reply), store_, [this] {
    const auto now = clock_.wall_now().time_since_epoch();
    last_backup_ = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  });
}

void Api::snapshot(Request, std::shared_ptr<Reply> reply) {
  store::Store* store = store_;
  if (store == nullptr) return reply->send(Response::text(503, "store not open"));
  store->snapshot([reply](const store::Snapshotter::Outcome& outcome) {
    if (!outcome.status.ok()) return reply->send(Response::text(500, outcome.status.text()));
    reply->send(Response::bare(outcome.nothing_new ? 204 : 200));
  });
}

}  // namespace rqlite::http
