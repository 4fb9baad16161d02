#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/file_system.h"
#include "base/status.h"

namespace rqlite::sqlite {

enum class ArchiveFormat { kZip, kTarGz };

// "zip" or "tar.gz".
const char* name_of(ArchiveFormat format);

// What a file is that begins with these bytes (four are enough); nullopt: no archive.
std::optional<ArchiveFormat> archive_format_of(BytesView begin);

// Writes every file in the archive at `path` into the directory `to`, over what is there, not
// synced. Only plain files with plain names are taken: directories, links and names that lead
// elsewhere fail it. The archive is read into memory as a whole. After a failure some of its files
// may be there.
Status unpack_flat(FileSystem& files, const std::string& path, ArchiveFormat format,
                   const std::string& to);

}  // namespace rqlite::sqlite
