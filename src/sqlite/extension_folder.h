#pragma once

#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/result.h"
#include "sqlite/extensions.h"

namespace rqlite::sqlite {

// Makes `folder` hold exactly the libraries that `sources` name, and returns their paths in order
// of name. A source is a library, a directory of them, or a flat zip or tar.gz archive; of files
// with the same name the last one counts. The folder is replaced as a whole, or, if anything
// fails, left as it was; nobody may load from it meanwhile. Nothing is synced: a start makes it
// anew. The error is fit for the fatal line.
Result<Extensions> fill_extension_folder(FileSystem& files, const std::vector<std::string>& sources,
                                         const std::string& folder);

}  // namespace rqlite::sqlite
