#include "sqlite/shared_library.h"

#include <elf.h>

#include <cstring>
#include <limits>

namespace rqlite::sqlite {
namespace {

#if __SIZEOF_POINTER__ == 8
using Header = Elf64_Ehdr;
using Segment = Elf64_Phdr;
constexpr unsigned char kClass = ELFCLASS64;
#else
using Header = Elf32_Ehdr;
using Segment = Elf32_Phdr;
constexpr unsigned char kClass = ELFCLASS32;
#endif

Status bad(const std::string& path, const char* why) { return {Code::kFailed, path + ": " + why}; }

}  // namespace

Status check_shared_library(FileSystem& files, const std::string& path) {
  const Result<std::unique_ptr<File>> file = files.open(path, FileSystem::Open::kReadOnly);
  if (!file.ok()) return file.error();
  const Result<std::uint64_t> size = (*file)->size();
  if (!size.ok()) return size.error();

  Header header{};
  Result<std::size_t> read = (*file)->read(0, reinterpret_cast<char*>(&header), sizeof header);
  if (!read.ok()) return read.error();
  if (*read < sizeof header || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_type != ET_DYN) {
    return bad(path, "not a shared library");
  }
  if (header.e_ident[EI_CLASS] != kClass || header.e_phentsize != sizeof(Segment)) {
    return bad(path, "a shared library for another processor");
  }

  // What the loader maps must be there.
  for (std::uint64_t i = 0; i < header.e_phnum; i++) {
    Segment segment{};
    read = (*file)->read(header.e_phoff + i * sizeof segment, reinterpret_cast<char*>(&segment),
                         sizeof segment);
    if (!read.ok()) return read.error();
    const bool whole =
        *read == sizeof segment &&
        segment.p_filesz <= std::numeric_limits<std::uint64_t>::max() - segment.p_offset &&
        segment.p_offset + segment.p_filesz <= *size;
    if (!whole) return bad(path, "the file is cut short");
  }
  return {};
}

}  // namespace rqlite::sqlite
