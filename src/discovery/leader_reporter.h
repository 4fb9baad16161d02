#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "base/pause.h"
#include "discovery/disco_figures.h"
#include "discovery/key_value_store.h"
#include "discovery/leader_entry.h"

namespace rqlite::discovery {

// Keeps the key saying who leads: writes it when this node begins to lead, and every
// kReportInterval while it does, whatever it holds. A key that is gone, or that somebody claims, is
// written as soon as that is seen. What was written stays when the node stops or leads no more.
class LeaderReporter {
 public:
  static constexpr Nanos kReportInterval = std::chrono::seconds(10);
  static constexpr Nanos kLookInterval = std::chrono::seconds(1);  // while it leads

  struct Means {
    KeyValueStore& store;
    Sleeper& sleeper;
    DiscoFigures& figures;
    const Clock& clock;
    std::function<bool()> leads;  // whether this node does; must not block
  };

  // `own` is no claim. What `means` refers to must outlive it.
  LeaderReporter(std::string key, LeaderEntry own, Means means);

  // Blocks until it is stopped.
  void run();

 private:
  // One look at all.
  void step();
  // Whether the key must be written before its time has come.
  bool must_write_now();
  void write();
  // Says what went wrong, once for each text.
  void complain(const Status& why);

  const std::string key_;
  const LeaderEntry own_;
  const Bytes value_;
  const Means means_;

  // Of the loop.
  bool is_announced_ = false;  // that this node leads, since it does
  TimePoint next_report_;      // once that is done
  std::string last_complaint_;
};

}  // namespace rqlite::discovery
