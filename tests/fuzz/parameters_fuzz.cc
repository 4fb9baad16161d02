// What stands behind the `?` of a URL.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "net/parameters.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view query(reinterpret_cast<const char*>(data), size);
  const auto parameters = rqlite::net::Parameters::parse(query);
  if (!parameters.ok()) {
    CHECK(parameters.error().code() == rqlite::Code::kInvalid &&
          !parameters.error().text().empty());
    return 0;
  }
  for (const char* name : {"timeout", "freshness", "db_timeout", "linearizable_timeout"}) {
    (void)parameters->duration(name, {});
  }
  CHECK(!parameters->has("q") || !parameters->text("q", "").empty());
  return 0;
}
