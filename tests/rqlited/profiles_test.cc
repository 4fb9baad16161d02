#include "rqlited/profiles.h"

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "fakes/sim_file_system.h"

namespace rqlite::rqlited {
namespace {

class ProfilesTest : public ::testing::Test {
 protected:
  ProfilesTest() { EXPECT_TRUE(files_.make_directories("/p").ok()); }
  Result<Profiles> create(const Profiles::Paths& paths) {
    return Profiles::create(files_, paths, clock_);
  }

  SimFileSystem files_;
  FakeClock clock_;
};

TEST_F(ProfilesTest, AreMadeAtTheStartAndFilledAtTheEnd) {
  Result<Profiles> profiles = create({"/p/cpu", "/p/mem", "/p/trace"});
  ASSERT_TRUE(profiles.ok());
  for (const char* path : {"/p/cpu", "/p/mem", "/p/trace"}) {
    EXPECT_EQ(*files_.read_file(path), "") << path;
  }
  clock_.advance(std::chrono::seconds(90));
  profiles->write([] { return Bytes("figures 1\n"); });
  EXPECT_TRUE(files_.read_file("/p/cpu")->starts_with(
      "Processor time by thread, in the 90.0 s that the process ran.\n"));
  EXPECT_TRUE(files_.read_file("/p/mem")->starts_with("<malloc version="));
  EXPECT_EQ(*files_.read_file("/p/trace"), "figures 1\n");
}

TEST_F(ProfilesTest, WhatIsNotWantedIsNotMade) {
  Result<Profiles> profiles = create({});
  ASSERT_TRUE(profiles.ok());
  profiles->write([]() -> Bytes {
    ADD_FAILURE() << "nobody wants metrics";
    return {};
  });
  EXPECT_TRUE(files_.list("/p")->empty());
}

TEST_F(ProfilesTest, TheErrorNamesTheFile) {
  EXPECT_EQ(create({"/n/c", "", ""}).status().text(),
            "failed to create CPU profile file at /n/c: open /n/c: no such file or directory");
  EXPECT_EQ(create({"", "/n/m", ""}).status().text(),
            "failed to create memory profile file at /n/m: open /n/m: no such file or directory");
  EXPECT_EQ(create({"/p/c", "", "/n/t"}).status().text(),
            "failed to create trace profile file at /n/t: open /n/t: no such file or directory");
}

TEST_F(ProfilesTest, AFullDiskIsNoReasonNotToStop) {
  Result<Profiles> profiles = create({"/p/cpu", "", "/p/trace"});
  ASSERT_TRUE(profiles.ok());
  files_.set_capacity(20);
  profiles->write([] { return Bytes("figures 1\n"); });
  EXPECT_EQ(*files_.read_file("/p/trace"), "figures 1\n");
}

}  // namespace
}  // namespace rqlite::rqlited
