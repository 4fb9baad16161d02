#pragma once

#include <memory>

#include "http/upload.h"
#include "net/client.h"

namespace rqlite::http {

// Gives an upload, which is complete, to another node, piece by piece as that one takes it: never
// more than a piece is in memory. Once.
std::shared_ptr<net::BodySource> source_of(std::shared_ptr<Upload> upload);

}  // namespace rqlite::http
