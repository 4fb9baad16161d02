#include "net/certificate_files.h"

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "fakes/sim_file_system.h"

namespace rqlite::net {
namespace {

using namespace std::chrono_literals;

class CertificateFilesTest : public ::testing::Test {
 protected:
  CertificateFilesTest() {
    put("/cert", "certificate 1");
    put("/key", "key 1");
    wait();
  }

  void put(const std::string& path, const std::string& content) {
    disk_.set_time(clock_.wall_now());
    ASSERT_TRUE(disk_.replace_file(path, content).ok());
  }
  // The same file, with other bytes in it.
  void overwrite(const std::string& path, const std::string& content) {
    overwrite(path, content, clock_.wall_now());
  }
  void overwrite(const std::string& path, const std::string& content, WallTime time) {
    disk_.set_time(time);
    auto file = disk_.open(path, FileSystem::Open::kExisting);
    ASSERT_TRUE((*file)->write(0, content).ok());
  }
  void wait() { clock_.advance(10s); }

  // "certificate, key" if there is something new, "-" if not, or what is wrong.
  std::string read() {
    const auto texts = files_.read_if_new();
    if (!texts.ok()) return texts.error().text();
    return texts->has_value() ? (*texts)->certificate + ", " + (*texts)->key : "-";
  }

  SimFileSystem disk_;
  FakeClock clock_;
  CertificateFiles files_{disk_, clock_, "/cert", "/key"};
};

TEST_F(CertificateFilesTest, AreNewOnce) {
  EXPECT_EQ(read(), "certificate 1, key 1");
  EXPECT_EQ(read(), "-");
  EXPECT_EQ(read(), "-");
}

TEST_F(CertificateFilesTest, AreNewWhenEitherChanges) {
  EXPECT_EQ(read(), "certificate 1, key 1");
  put("/cert", "certificate 2");
  EXPECT_EQ(read(), "certificate 2, key 1");
  put("/key", "key 2");
  EXPECT_EQ(read(), "certificate 2, key 2");
  overwrite("/key", "key 3");
  EXPECT_EQ(read(), "certificate 2, key 3");
  EXPECT_EQ(read(), "-");
}

TEST_F(CertificateFilesTest, AreNotNewWhenTheyWereOnlyTouched) {
  EXPECT_EQ(read(), "certificate 1, key 1");
  wait();
  put("/cert", "certificate 1");
  EXPECT_EQ(read(), "-");
}

TEST_F(CertificateFilesTest, AChangeThatTheStampsDoNotShowIsFoundAllTheSame) {
  put("/cert", "half a cer   ");
  EXPECT_EQ(read(), "half a cer   , key 1");
  overwrite("/cert", "certificate 2");
  EXPECT_EQ(read(), "certificate 2, key 1");
}

TEST_F(CertificateFilesTest, AnOldFileIsNotReadAgainAsLongAsItsStampStays) {
  EXPECT_EQ(read(), "certificate 1, key 1");
  const WallTime written = disk_.stamp("/cert")->changed;
  wait();
  // No system would give a change the stamp of long ago: it shows that nobody looks further.
  overwrite("/cert", "certificate !", written);
  EXPECT_EQ(read(), "-");
}

TEST_F(CertificateFilesTest, OneThatIsMissingIsAnErrorUntilItIsThere) {
  ASSERT_TRUE(disk_.remove("/key").ok());
  EXPECT_EQ(read(), "stat /key: no such file or directory");
  put("/key", "key 1");
  EXPECT_EQ(read(), "certificate 1, key 1");
  ASSERT_TRUE(disk_.remove("/cert").ok());
  EXPECT_EQ(read(), "stat /cert: no such file or directory");
  EXPECT_EQ(read(), "stat /cert: no such file or directory");
  put("/cert", "certificate 1");
  EXPECT_EQ(read(), "-");
}

TEST_F(CertificateFilesTest, WhatIsFarTooLargeIsNotRead) {
  put("/key", std::string(5 << 20, 'k'));
  EXPECT_EQ(read(), "/key is too large to be a certificate or a key");
}

}  // namespace
}  // namespace rqlite::net
