#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "store/peers_recovery.h"

namespace rqlite::cluster {

// Reads a peers.json: an array of objects with "id", "address" and, optionally, "non_voter"; other
// members are ignored. kInvalid, with the text that people know, if no cluster can consist of
// these.
Result<std::vector<store::RecoveredPeer>> parse_peers_file(BytesView json);

// Whether a node could be reached at these addresses; kInvalid, likewise.
Status check_addresses(const std::vector<store::RecoveredPeer>& peers);

}  // namespace rqlite::cluster
