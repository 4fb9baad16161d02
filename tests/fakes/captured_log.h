#pragma once

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

namespace rqlite {

// What is written to the log while it lives. One at a time.
class CapturedLog {
 public:
  CapturedLog() { ::testing::internal::CaptureStderr(); }
  ~CapturedLog() { (void)::testing::internal::GetCapturedStderr(); }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;

  // The texts of the lines since the last call.
  std::vector<std::string> lines() {
    std::istringstream all(::testing::internal::GetCapturedStderr());
    ::testing::internal::CaptureStderr();
    std::vector<std::string> texts;
    for (std::string line; std::getline(all, line);) {
      // "[component] 2020/01/01 00:00:00 text"
      const std::size_t date = line.find("] ") + 2;
      texts.push_back(line.substr(date + std::string("2020/01/01 00:00:00 ").size()));
    }
    return texts;
  }
};

}  // namespace rqlite
