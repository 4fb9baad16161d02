#pragma once

#include <functional>

#include "base/bytes.h"
#include "store/reader_pool.h"

namespace rqlite::store {

// Tells `then` whether the statements of the one request in `batch` only read; it does not if one
// does not compile. On this thread if the request is short and a reader is free, else on a
// reader's.
void find_out_if_reads(ReaderPool& readers, BytesView batch, std::function<void(bool reads)> then);

}  // namespace rqlite::store
