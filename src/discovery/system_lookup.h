#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/pause.h"
#include "discovery/address_lookup.h"
#include "discovery/environment.h"
#include "discovery/system_resolver.h"

namespace rqlite::discovery {

// What -disco-mode=dns and dns-srv ask for, over the system's resolver.
class SystemLookup final : public AddressLookup {
 public:
  // `config` is the JSON text of read_disco_config(), `raft_port` the port that this node's Raft
  // address is bound to. The error is the text for the user: "error reading DNS configuration: …".
  // The clock must outlive it. Precondition: a mode without a key.
  static Result<std::unique_ptr<SystemLookup>> open(DiscoMode mode, BytesView config,
                                                    std::uint16_t raft_port,
                                                    const Environment& environment,
                                                    const Clock& clock);

  Result<std::vector<std::string>> find() override { return lookup_->find(); }
  [[nodiscard]] DiscoReport report() const override { return lookup_->report(); }

  // Ends a find() that is under way, and all that come. Any thread.
  void stop() { pause_->stop(); }

 private:
  explicit SystemLookup(const Clock& clock)
      : pause_(std::make_shared<Pause>(clock)), resolver_(pause_) {}

  const std::shared_ptr<Pause> pause_;
  SystemResolver resolver_;
  std::unique_ptr<AddressLookup> lookup_;
};

}  // namespace rqlite::discovery
