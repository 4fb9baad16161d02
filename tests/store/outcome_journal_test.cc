#include "store/outcome_journal.h"

#include <gtest/gtest.h>

#include "fakes/sim_file_system.h"

namespace rqlite::store {
namespace {

class OutcomeJournalTest : public ::testing::Test {
 protected:
  OutcomeJournalTest() { EXPECT_TRUE(files_.make_directories("/d").ok()); }

  static std::vector<OutcomeRecord> records(const std::vector<std::string>& texts) {
    std::vector<OutcomeRecord> records;
    for (const std::string& each : texts) records.push_back(std::make_shared<const Bytes>(each));
    return records;
  }
  // Opens what is on the disk; `read` has what the extent covers.
  Status open(const OutcomeJournal::Extent& extent) {
    read_.clear();
    auto opened = OutcomeJournal::open(files_, "/d", extent,
                                       [this](const OutcomeRecord& each) { read_ += *each + " "; });
    if (!opened.ok()) return opened.error();
    journal_ = std::move(*opened);
    return {};
  }
  std::size_t count_files() { return files_.list("/d")->size(); }

  SimFileSystem files_;
  std::unique_ptr<OutcomeJournal> journal_;
  std::string read_;
};

TEST_F(OutcomeJournalTest, WhatWasAppendedIsReadAgain) {
  ASSERT_TRUE(open({}).ok());
  EXPECT_EQ(journal_->extent(), OutcomeJournal::Extent());
  ASSERT_TRUE(journal_->append({}).ok());
  EXPECT_EQ(journal_->extent(), OutcomeJournal::Extent());
  ASSERT_TRUE(journal_->append(records({"a", ""})).ok());
  ASSERT_TRUE(journal_->append(records({"bc"})).ok());
  ASSERT_TRUE(open(journal_->extent()).ok());
  EXPECT_EQ(read_, "a  bc ");
  ASSERT_TRUE(journal_->append(records({"d"})).ok());
  ASSERT_TRUE(open(journal_->extent()).ok());
  EXPECT_EQ(read_, "a  bc d ");
}

TEST_F(OutcomeJournalTest, WhatNoSnapshotNamesNeverWas) {
  ASSERT_TRUE(open({}).ok());
  ASSERT_TRUE(journal_->append(records({"a"})).ok());
  const OutcomeJournal::Extent extent = journal_->extent();
  ASSERT_TRUE(journal_->append(records({"b"})).ok());
  ASSERT_TRUE(open(extent).ok());
  EXPECT_EQ(read_, "a ");
  ASSERT_TRUE(journal_->append(records({"c"})).ok());
  ASSERT_TRUE(open(journal_->extent()).ok());
  EXPECT_EQ(read_, "a c ");
  ASSERT_TRUE(open({}).ok());
  EXPECT_EQ(read_, "");
  EXPECT_EQ(count_files(), 0u);
}

TEST_F(OutcomeJournalTest, ANewFileTakesOverWhenASnapshotNamesIt) {
  ASSERT_TRUE(open({}).ok());
  ASSERT_TRUE(journal_->append(records({"a", "b"})).ok());
  const OutcomeJournal::Extent before = journal_->extent();
  ASSERT_TRUE(journal_->rewrite(records({"b"})).ok());
  ASSERT_TRUE(journal_->append(records({"c"})).ok());
  EXPECT_EQ(count_files(), 2u);
  // A crash here: the last snapshot names the old one.
  ASSERT_TRUE(open(before).ok());
  EXPECT_EQ(read_, "a b ");
  EXPECT_EQ(count_files(), 1u);
  // Twice, with no complete snapshot in between.
  ASSERT_TRUE(journal_->rewrite(records({"b"})).ok());
  ASSERT_TRUE(journal_->rewrite(records({"b"})).ok());
  ASSERT_TRUE(journal_->drop_old().ok());
  EXPECT_EQ(count_files(), 1u);
  ASSERT_TRUE(open(journal_->extent()).ok());
  EXPECT_EQ(read_, "b ");
}

TEST_F(OutcomeJournalTest, IsRewrittenWhenMostOfItIsNoLongerKept) {
  ASSERT_TRUE(open({}).ok());
  ASSERT_TRUE(journal_->append(records({std::string(900'000, 'x')})).ok());
  EXPECT_FALSE(journal_->wants_rewrite(0));
  ASSERT_TRUE(journal_->append(records({std::string(900'000, 'x')})).ok());
  EXPECT_TRUE(journal_->wants_rewrite(100'000));
  EXPECT_FALSE(journal_->wants_rewrite(1'000'000));
}

TEST_F(OutcomeJournalTest, DamageIsRefused) {
  ASSERT_TRUE(open({}).ok());
  ASSERT_TRUE(journal_->append(records({"some record"})).ok());
  const OutcomeJournal::Extent extent = journal_->extent();
  const std::string path = "/d/outcomes-1";
  const Bytes intact = *files_.read_file(path);
  for (std::size_t at = 0; at < intact.size(); at++) {
    Bytes damaged = intact;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    ASSERT_TRUE(files_.replace_file(path, damaged).ok());
    const Status status = open(extent);
    ASSERT_EQ(status.code(), Code::kFailed) << at;
    EXPECT_NE(status.text().find("A member of a cluster joins again with an empty one"),
              std::string::npos);
  }
  ASSERT_TRUE(files_.replace_file(path, intact.substr(1)).ok());
  EXPECT_EQ(open(extent).code(), Code::kFailed);
  ASSERT_TRUE(files_.remove(path).ok());
  EXPECT_EQ(open(extent).code(), Code::kFailed);
}

}  // namespace
}  // namespace rqlite::store
