#include "sqlite/flat_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "fakes/sim_file_system.h"

namespace rqlite::sqlite {
namespace {

struct Member {
  std::string name;
  std::string content;
  unsigned type = AE_IFREG;
  std::string link_to = {};
};

// An archive with these members.
Bytes archive_of(ArchiveFormat format, const std::vector<Member>& members) {
  Bytes made(1 << 20, '\0');
  std::size_t used = 0;
  const std::unique_ptr<archive, decltype(&archive_write_free)> archive(archive_write_new(),
                                                                        &archive_write_free);
  if (format == ArchiveFormat::kZip) {
    archive_write_set_format_zip(archive.get());
  } else {
    archive_write_add_filter_gzip(archive.get());
    archive_write_set_format_pax_restricted(archive.get());
  }
  EXPECT_EQ(archive_write_open_memory(archive.get(), made.data(), made.size(), &used), ARCHIVE_OK);
  for (const Member& member : members) {
    const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(),
                                                                              &archive_entry_free);
    archive_entry_set_pathname(entry.get(), member.name.c_str());
    archive_entry_set_filetype(entry.get(), member.type);
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(member.content.size()));
    if (member.type == AE_IFLNK) archive_entry_set_symlink(entry.get(), member.link_to.c_str());
    if (member.type == AE_IFREG && !member.link_to.empty()) {
      archive_entry_set_hardlink(entry.get(), member.link_to.c_str());
    }
    EXPECT_EQ(archive_write_header(archive.get(), entry.get()), ARCHIVE_OK);
    EXPECT_EQ(archive_write_data(archive.get(), member.content.data(), member.content.size()),
              static_cast<la_ssize_t>(member.content.size()));
  }
  EXPECT_EQ(archive_write_close(archive.get()), ARCHIVE_OK);
  made.resize(used);
  return made;
}

class FlatArchiveTest : public ::testing::TestWithParam<ArchiveFormat> {
 protected:
  FlatArchiveTest() {
    EXPECT_TRUE(files_.make_directories("/to").ok());
    EXPECT_TRUE(files_.make_directories("/from").ok());
  }

  // Unpacks an archive with these bytes; "" or the error.
  std::string unpack(const Bytes& archive) {
    EXPECT_TRUE(files_.replace_file("/from/archive", archive).ok());
    return unpack_flat(files_, "/from/archive", GetParam(), "/to").text();
  }
  std::string unpack(const std::vector<Member>& members) {
    return unpack(archive_of(GetParam(), members));
  }
  [[nodiscard]] std::string name() const { return name_of(GetParam()); }

  SimFileSystem files_;
};

TEST_P(FlatArchiveTest, EveryFileIsWritten) {
  const std::string large(300'000, 'x');
  EXPECT_EQ(unpack({{"a.so", "one"}, {"b", large}, {".c", ""}}), "");
  EXPECT_EQ(*files_.list("/to"), (std::vector<std::string>{".c", "a.so", "b"}));
  EXPECT_EQ(*files_.read_file("/to/a.so"), "one");
  EXPECT_EQ(*files_.read_file("/to/b"), large);
  EXPECT_EQ(*files_.read_file("/to/.c"), "");
}

TEST_P(FlatArchiveTest, TheLastOfEqualNamesCounts) {
  ASSERT_TRUE(files_.replace_file("/to/a", "much longer than what follows").ok());
  EXPECT_EQ(unpack({{"a", "first"}, {"a", "2nd"}}), "");
  EXPECT_EQ(*files_.read_file("/to/a"), "2nd");
}

TEST_P(FlatArchiveTest, NamesWithFoldersAreRefused) {
  for (const char* path : {"../x", "/x", "a/x", "./x", "a/../../x"}) {
    EXPECT_EQ(unpack({{path, "evil"}}), name() + " file contains subdirectories") << path;
  }
  EXPECT_EQ(unpack({{"d/", "", AE_IFDIR}}), name() + " file contains subdirectories");
  EXPECT_EQ(*files_.list("/to"), std::vector<std::string>());
}

TEST_P(FlatArchiveTest, WhatIsNoPlainFileIsRefused) {
  EXPECT_EQ(unpack({{"a", "", AE_IFLNK, "target"}}),
            name() + " file contains 'a', which is not a plain file");
  EXPECT_EQ(unpack({{"..", "x"}}), name() + " file contains a file without a name");
  EXPECT_EQ(*files_.list("/to"), std::vector<std::string>());
}

TEST_P(FlatArchiveTest, DamageIsNoticed) {
  std::string noise;
  Random random(1);
  for (int i = 0; i < 100'000; i++) noise += static_cast<char>(random.next());
  const Bytes whole = archive_of(GetParam(), {{"a", noise}});
  EXPECT_NE(unpack(whole.substr(0, whole.size() / 2)), "");
  EXPECT_NE(unpack(whole.substr(0, 10)), "");
  Bytes changed = whole;
  changed[whole.size() / 2] = static_cast<char>(changed[whole.size() / 2] ^ 0x55);
  EXPECT_NE(unpack(changed), "");
}

TEST_P(FlatArchiveTest, AFullDiskIsAnError) {
  const Bytes archive = archive_of(GetParam(), {{"a", std::string(100'000, 'a')}});
  ASSERT_TRUE(files_.replace_file("/from/archive", archive).ok());
  files_.set_capacity(archive.size() + 50'000);
  EXPECT_EQ(unpack_flat(files_, "/from/archive", GetParam(), "/to").code(), Code::kDiskFull);
}

INSTANTIATE_TEST_SUITE_P(Formats, FlatArchiveTest,
                         ::testing::Values(ArchiveFormat::kZip, ArchiveFormat::kTarGz),
                         [](const auto& tested) {
                           return tested.param == ArchiveFormat::kZip ? "Zip" : "TarGz";
                         });

TEST(FlatTarTest, HardLinksAreRefused) {
  SimFileSystem files;
  ASSERT_TRUE(files.make_directories("/to").ok());
  const Bytes archive = archive_of(ArchiveFormat::kTarGz, {{"a", "x"}, {"b", "", AE_IFREG, "a"}});
  ASSERT_TRUE(files.replace_file("/to/archive", archive).ok());
  EXPECT_EQ(unpack_flat(files, "/to/archive", ArchiveFormat::kTarGz, "/to").text(),
            "tar.gz file contains 'b', which is not a plain file");
}

TEST(FlatTarTest, AGzipFileMayBeInSeveralParts) {
  SimFileSystem files;
  ASSERT_TRUE(files.make_directories("/to").ok());
  // An empty part behind the one with everything, and what no gzip file has.
  const Bytes archive = archive_of(ArchiveFormat::kTarGz, {{"a", "x"}}) +
                        Bytes("\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0padding", 27);
  ASSERT_TRUE(files.replace_file("/archive", archive).ok());
  EXPECT_EQ(unpack_flat(files, "/archive", ArchiveFormat::kTarGz, "/to").text(), "");
  EXPECT_EQ(*files.read_file("/to/a"), "x");
}

TEST(ArchiveFormatTest, IsToldByTheFirstBytes) {
  EXPECT_EQ(archive_format_of(std::string_view("PK\x03\x04")), ArchiveFormat::kZip);
  EXPECT_EQ(archive_format_of(std::string_view("\x1f\x8b\x08\x00", 4)), ArchiveFormat::kTarGz);
  EXPECT_EQ(archive_format_of("\x7f"
                              "ELF"),
            std::nullopt);
  EXPECT_EQ(archive_format_of("PK"), std::nullopt);
  EXPECT_EQ(archive_format_of(""), std::nullopt);
}

}  // namespace
}  // namespace rqlite::sqlite
