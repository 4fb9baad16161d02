#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster/group.h"
#include "cluster/snapshot_fetch.h"
#include "cluster/snapshot_source.h"
#include "cluster/stream_target.h"
#include "store/store.h"

namespace rqlite::cluster {

// This node's store, as the parts of this room see it: each knows no more than it takes of it.
//
// Threads: any.
class OwnStore final : public Group,
                       public SnapshotSource::Content,
                       public SnapshotFetch::Destination,
                       public StreamTarget::Log {
 public:
  explicit OwnStore(store::Store& store) : store_(store) {}  // must outlive it

  raft::RaftId raft_id() override { return store_.raft_id(); }
  std::string cluster_id() override { return store_.cluster_id(); }
  std::optional<store::Store::Leader> leader() override { return store_.leader(); }
  FileSystem& files() override { return store_.files(); }

  store::Membership membership() override { return store_.membership(); }
  raft::Core::Status raft_status() override { return store_.report().raft; }
  void change_members(raft::ChangeKind kind, const store::MembershipChange& change,
                      store::Store::Done done) override {
    store_.change_members(kind, change, std::move(done));
  }
  void matches(std::vector<raft::RaftId> members,
               std::function<void(const store::Consensus::Matches&)> then) override {
    store_.consensus().matches(std::move(members), std::move(then));
  }
  void confirm(std::unique_ptr<raft::Read> read) override {
    std::vector<std::unique_ptr<raft::Read>> reads;
    reads.push_back(std::move(read));
    store_.consensus().read(std::move(reads));
  }
  void when_applied(raft::Index index, Nanos timeout, store::Store::Done then) override {
    store_.when_applied(index, timeout, std::move(then));
  }
  void transfer(raft::RaftId to) override { store_.consensus().transfer(to); }
  void leaves_as_leader() override { store_.leaves_as_leader(); }

  void freeze(Nanos patience, store::Snapshotter::FreezeCallback done) override {
    store_.freeze(patience, std::move(done));
  }
  Result<std::unique_ptr<File>> open_journal(const store::OutcomeJournal::Extent& extent) override {
    return store_.files().open(store::OutcomeJournal::file_of(store_.paths().raft(), extent),
                               FileSystem::Open::kReadOnly);
  }
  void keep_log_after(raft::RaftId to, raft::Index index) override {
    store_.consensus().keep_log_after(to, index);
  }
  void report_snapshot(raft::RaftId to, bool arrived) override {
    store_.consensus().report_snapshot(to, arrived);
  }

  std::string name_of(raft::RaftId id) override {
    const store::Membership membership = store_.membership();
    const store::Membership::Entry* entry = membership.find(id);
    if (entry == nullptr) return "a node that is no member";
    return "node " + entry->member.node_id + " at " + entry->member.raft_address;
  }

  std::string new_aside(command::Replacement& file) override { return store_.new_aside(file); }
  void discard_aside(const command::Replacement& file) override { store_.discard_aside(file); }
  void install(store::ReceivedSnapshot received, BytesView message,
               std::function<void(bool)> done) override {
    store_.install(std::move(received), message, std::move(done));
  }

  void write(Bytes batch, std::uint64_t epoch, std::uint64_t first,
             std::unique_ptr<store::Write> write) override {
    store_.write(std::move(batch), epoch, first, std::move(write));
  }
  void confirm(raft::Index index, std::unique_ptr<store::Write> write) override {
    store_.confirm(index, std::move(write));
  }
  void listen(store::StreamListener* listener) override { store_.listen(listener); }

 private:
  store::Store& store_;
};

}  // namespace rqlite::cluster
