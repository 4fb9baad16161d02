#include "discovery/srv_answer.h"

#include <arpa/nameser.h>
#include <resolv.h>

#include <climits>
#include <cstddef>

namespace rqlite::discovery {
namespace {

// The parts of the data of such a record that have a fixed size: priority, weight, port.
constexpr std::size_t kFixedBytes = 6;

Status malformed() { return {Code::kInvalid, "the name server's answer makes no sense"}; }

}  // namespace

Result<std::vector<SrvRecord>> read_srv_answer(BytesView message) {
  if (message.size() > INT_MAX) return malformed();
  const auto* bytes = reinterpret_cast<const unsigned char*>(message.data());
  ns_msg parsed;
  if (::ns_initparse(bytes, static_cast<int>(message.size()), &parsed) != 0) return malformed();
  std::vector<SrvRecord> records;
  for (int i = 0; i < ns_msg_count(parsed, ns_s_an); i++) {
    ns_rr record;
    if (::ns_parserr(&parsed, ns_s_an, i, &record) != 0) return malformed();
    if (ns_rr_type(record) != ns_t_srv) continue;
    const unsigned char* data = ns_rr_rdata(record);
    if (ns_rr_rdlen(record) <= kFixedBytes) return malformed();
    char target[NS_MAXDNAME];
    if (::dn_expand(ns_msg_base(parsed), ns_msg_end(parsed), data + kFixedBytes, target,
                    sizeof target) < 0) {
      return malformed();
    }
    records.push_back({target, static_cast<std::uint16_t>(data[4] << 8 | data[5])});
  }
  return records;
}

}  // namespace rqlite::discovery
