#include "http/console.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "http/embedded.h"

namespace rqlite::http {
namespace {

constexpr std::string_view kHtmlType = "text/html; charset=utf-8";
constexpr std::string_view kStatic = "/console/static/";

std::optional<std::string_view> content_of(std::string_view name) {
  const auto files = embedded_files();
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const EmbeddedFile& file) { return file.name == name; });
  return found == files.end() ? std::nullopt : std::optional(found->content);
}

std::string_view type_of(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kTypes = {{
      {".html", kHtmlType},
      {".css", "text/css; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".ico", "image/x-icon"},
  }};
  for (const auto& [end, type] : kTypes) {
    if (name.ends_with(end)) return type;
  }
  return "application/octet-stream";
}

net::Response moved(std::string_view to) {
  net::Response response = net::Response::bare(301);
  response.headers.emplace_back("Location", to);
  return response;
}

// The page may load nothing from elsewhere, nor be part of a page from elsewhere, where a click
// could mean something else.
net::Response page(std::string_view type, std::string_view content) {
  return {200,
          type,
          {{"Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'"},
           {"X-Content-Type-Options", "nosniff"}},
          Bytes(content)};
}

net::Response list_of_static_files() {
  Bytes html = "<!doctype html>\n<pre>\n";
  for (const EmbeddedFile& file : embedded_files()) {
    constexpr std::string_view kFolder = "console/static/";
    if (!file.name.starts_with(kFolder)) continue;
    const std::string_view name = file.name.substr(kFolder.size());
    html.append("<a href=\"").append(name).append("\">").append(name).append("</a>\n");
  }
  return page(kHtmlType, html + "</pre>\n");
}

}  // namespace

net::Response redirect_to_console(const net::Request& request, int status) {
  const bool get = request.method == "GET";
  net::Response response =
      net::Response::bare(status, get || request.method == "HEAD" ? kHtmlType : std::string_view());
  response.headers.emplace_back("Location", "/console/");
  if (get) {
    const char* what = status == 302 ? "Found" : "Moved Permanently";
    response.body = std::string("<a href=\"/console/\">") + what + "</a>.\n\n";
  }
  return response;
}

net::Response console(const net::Request& request) {
  const std::string_view path = request.path;
  if (path == "/console/") return page(kHtmlType, *content_of("console/index.html"));
  if (path == "/console/index.html") return moved("./");
  if (path == "/console/static") return moved("static/");
  if (path == kStatic) return list_of_static_files();
  // Names are looked up as a whole, so there is nowhere else to come to.
  const std::optional<std::string_view> content =
      path.starts_with(kStatic) ? content_of(path.substr(1)) : std::nullopt;
  return content ? page(type_of(path), *content) : net::Response::text(404, "404 page not found");
}

net::Response licenses() { return {200, net::kTextType, {}, Bytes(*content_of("licenses.txt"))}; }

}  // namespace rqlite::http
