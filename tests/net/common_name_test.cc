#include "net/common_name.h"

#include <gtest/gtest.h>

#include "net/certificates.h"

namespace rqlite::net {
namespace {

using namespace std::string_literals;

class CommonNameTest : public ::testing::Test {
 protected:
  std::optional<std::string> name_among(const std::vector<std::string>& names) {
    return common_name(*certificate_of(authority_.issue(names).certificate));
  }

  const Authority authority_{"an authority"};
};

TEST_F(CommonNameTest, IsReadAsItIs) {
  EXPECT_EQ(name_among({"client.example.com"}), "client.example.com");
  EXPECT_EQ(name_among({"Zoë"}), "Zoë");
}

TEST_F(CommonNameTest, TheLastOfSeveralIsTheOne) {
  EXPECT_EQ(name_among({"everybody", "fiona"}), "fiona");
}

TEST_F(CommonNameTest, MayBeMissing) { EXPECT_EQ(name_among({}), std::nullopt); }

TEST_F(CommonNameTest, DoesNotEndAtANul) {
  EXPECT_EQ(name_among({"fiona\0.evil.com"s}), "fiona\0.evil.com"s);
}

}  // namespace
}  // namespace rqlite::net
