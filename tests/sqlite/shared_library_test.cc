#include "sqlite/shared_library.h"

#include <gtest/gtest.h>

#include "fakes/sim_file_system.h"

namespace rqlite::sqlite {
namespace {

class SharedLibraryTest : public ::testing::Test {
 protected:
  SharedLibraryTest() {
    Result<Bytes> content = posix_file_system().read_file(TEST_EXTENSION);
    EXPECT_TRUE(content.ok());
    whole_ = *content;
  }
  std::string check(const Bytes& content) {
    EXPECT_TRUE(files_.replace_file("/x.so", content).ok());
    return check_shared_library(files_, "/x.so").text();
  }

  SimFileSystem files_;
  Bytes whole_;
};

TEST_F(SharedLibraryTest, AWholeOneIsFine) { EXPECT_EQ(check(whole_), ""); }

TEST_F(SharedLibraryTest, OneThatIsCutShortIsNot) {
  EXPECT_EQ(check(""), "/x.so: not a shared library");
  EXPECT_EQ(check(whole_.substr(0, 63)), "/x.so: not a shared library");
  EXPECT_EQ(check(whole_.substr(0, 64)), "/x.so: the file is cut short");
  EXPECT_EQ(check(whole_.substr(0, 1000)), "/x.so: the file is cut short");
}

TEST_F(SharedLibraryTest, SomethingElseIsNot) {
  EXPECT_EQ(check(Bytes(4096, 'x')), "/x.so: not a shared library");
  Bytes program = whole_;
  program[16] = 2;  // ET_EXEC
  EXPECT_EQ(check(program), "/x.so: not a shared library");
  Bytes foreign = whole_;
  foreign[4] = static_cast<char>(3 - foreign[4]);  // the other word size
  EXPECT_EQ(check(foreign), "/x.so: a shared library for another processor");
}

TEST_F(SharedLibraryTest, OneThatIsNotThereIsNot) {
  EXPECT_EQ(check_shared_library(files_, "/none.so").text(),
            "open /none.so: no such file or directory");
}

}  // namespace
}  // namespace rqlite::sqlite
