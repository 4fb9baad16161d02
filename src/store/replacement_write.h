#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "command/command.h"
#include "store/set_aside.h"
#include "store/write.h"

namespace rqlite::store {

// Tells whoever waits for a replacement of the database, and the file's keeper. Threads: as Write.
class ReplacementWrite final : public Write {
 public:
  // How the file comes to the members.
  enum class Way {
    kAside,   // it is there, and no entry before this one names it
    kPieces,  // through the log: a restart that applies them again writes to the file once more
  };

  // `set_aside` must outlive it. `ended` is called before `write` hears.
  ReplacementWrite(SetAside& set_aside, const command::Replacement& replacement, Way way,
                   std::function<void()> ended, std::unique_ptr<Write> write)
      : set_aside_(set_aside),
        replacement_(replacement),
        way_(way),
        ended_(std::move(ended)),
        write_(std::move(write)) {}

  void applied(raft::Index index, std::vector<command::RequestResult> results) override {
    set_aside_.settled(replacement_.file);
    ended_();
    write_->applied(index, std::move(results));
  }
  void failed(const Status& why) override {
    if (why.code() != Code::kUnknown) drop();
    ended_();
    write_->failed(why);
  }

 private:
  void drop() {
    if (way_ == Way::kPieces) return set_aside_.let_go(replacement_.file);
    set_aside_.settled(replacement_.file);
  }

  SetAside& set_aside_;
  const command::Replacement replacement_;
  const Way way_;
  const std::function<void()> ended_;
  const std::unique_ptr<Write> write_;
};

}  // namespace rqlite::store
