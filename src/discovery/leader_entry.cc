#include "discovery/leader_entry.h"

#include "base/json_members.h"
#include "discovery/config_object.h"

namespace rqlite::discovery {

Bytes LeaderEntry::to_json() const {
  JsonMembers members;
  members.add_unless_empty("id", id);
  members.add_unless_empty("api_addr", api_addr);
  members.add_unless_empty("addr", addr);
  members.add_unless_empty("founder", founder);
  return members.to_json();
}

Result<LeaderEntry> LeaderEntry::parse(BytesView json) {
  const Result<ConfigObject> object = ConfigObject::parse(json);
  if (!object.ok()) return object.error();
  LeaderEntry entry;
  RETURN_IF_ERROR(object->read("id", entry.id));
  RETURN_IF_ERROR(object->read("api_addr", entry.api_addr));
  RETURN_IF_ERROR(object->read("addr", entry.addr));
  RETURN_IF_ERROR(object->read("founder", entry.founder));
  if (entry.addr.empty()) return Status(Code::kInvalid, "it names no address to join");
  return entry;
}

}  // namespace rqlite::discovery
