#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace rqlite::net {

// Asks the system for the addresses of host names, each on a thread of its own: it may take half a
// minute over one name, and the others must not wait for that. Nor must whoever stops: a thread
// that is still asking when the lookup goes is left to itself.
//
// Bound: so many names at once; others wait. Whoever asks for a name that is being asked for gets
// the same answer. Threads: that of `io`, which must outlive it.
class Lookup {
 public:
  static constexpr std::size_t kAtOnceMax = 16;

  // Not empty, in the order in which they are to be tried; or none, and why.
  struct Found {
    std::vector<boost::asio::ip::address> addresses;
    std::string error;
  };
  // Blocks until the answer is there. It may outlive the lookup, and must own all that it touches.
  using Ask = std::function<Found(const std::string& host)>;

  // Asks the system, if not `ask`.
  explicit Lookup(boost::asio::io_context& io, Ask ask = nullptr);
  ~Lookup();
  Lookup(const Lookup&) = delete;
  Lookup& operator=(const Lookup&) = delete;

  using Then = std::function<void(const Found&)>;
  // Calls `then` when the answer is there, never at once.
  void find(const std::string& host, Then then);

 private:
  struct Mailbox;

  void begin(const std::string& host);
  void answer(const std::string& host, const Found& found);

  const Ask ask_;
  const std::shared_ptr<Mailbox> mailbox_;
  std::map<std::string, std::vector<Then>> asking_;
  std::deque<std::string> waiting_;  // of asking_: those that have no thread yet
};

}  // namespace rqlite::net
