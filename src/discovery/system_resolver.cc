#include "discovery/system_resolver.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <sys/socket.h>

#include <functional>
#include <optional>
#include <utility>

#include "base/thread.h"
#include "discovery/srv_answer.h"

namespace rqlite::discovery {
namespace {

// What a DNS message may have at most, which TCP's length field says.
constexpr std::size_t kMessageBytesMax = 65535;

Status not_found(const std::string& name, const std::string& why) {
  return {Code::kUnavailable, "lookup " + name + ": " + why};
}

std::string why_no_address(int error) {
  if (error == EAI_NONAME || error == EAI_NODATA) return "no such host";
  if (error == EAI_AGAIN) return "the name servers do not answer";
  return ::gai_strerror(error);
}

std::string why_no_answer(int error) {
  switch (error) {
    case HOST_NOT_FOUND:
      return "no such host";
    case NO_DATA:
      return "there is no SRV record";
    case TRY_AGAIN:
      return "the name servers do not answer";
    default:
      return "the name servers refuse to answer";
  }
}

std::string text_of(const sockaddr& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.sa_family == AF_INET) {
    const auto& of_host = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &of_host.sin_addr, text, sizeof text);
  } else if (address.sa_family == AF_INET6) {
    const auto& of_host = reinterpret_cast<const sockaddr_in6&>(address);
    ::inet_ntop(AF_INET6, &of_host.sin6_addr, text, sizeof text);
  }
  return text;
}

Result<std::vector<std::string>> ask_for_addresses(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(name.c_str(), nullptr, &hints, &list);
  if (error != 0) return not_found(name, why_no_address(error));
  std::vector<std::string> addresses;
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    if (std::string text = text_of(*each->ai_addr); !text.empty()) {
      addresses.push_back(std::move(text));
    }
  }
  ::freeaddrinfo(list);
  if (addresses.empty()) return not_found(name, "no such host");
  return addresses;
}

// A state of the DNS library: what /etc/resolv.conf says, read now.
class DnsState {
 public:
  DnsState() : is_open_(::res_ninit(&state_) == 0) {}
  ~DnsState() {
    if (is_open_) ::res_nclose(&state_);
  }
  DnsState(const DnsState&) = delete;
  DnsState& operator=(const DnsState&) = delete;

  [[nodiscard]] bool is_open() const { return is_open_; }
  [[nodiscard]] res_state get() { return &state_; }

 private:
  struct __res_state state_{};
  const bool is_open_;
};

Result<std::vector<SrvRecord>> ask_for_services(const std::string& name) {
  DnsState state;
  if (!state.is_open()) return not_found(name, "/etc/resolv.conf cannot be read");
  Bytes message(kMessageBytesMax, '\0');
  const int size = ::res_nsearch(state.get(), name.c_str(), ns_c_in, ns_t_srv,
                                 reinterpret_cast<unsigned char*>(message.data()),
                                 static_cast<int>(message.size()));
  if (size < 0) return not_found(name, why_no_answer(state.get()->res_h_errno));
  Result<std::vector<SrvRecord>> records =
      read_srv_answer(BytesView(message).substr(0, static_cast<std::size_t>(size)));
  if (!records.ok()) return not_found(name, records.error().text());
  if (records->empty()) return not_found(name, why_no_answer(NO_DATA));
  return records;
}

// What `ask` returns, or that nobody waits for it any more.
template <typename Answer>
Result<Answer> ask_beside(const std::shared_ptr<Pause>& pause, const std::string& name,
                          std::function<Result<Answer>(const std::string&)> ask) {
  auto answer = std::make_shared<std::optional<Result<Answer>>>();
  std::optional<Thread> thread =
      Thread::try_start("disco-lookup", [pause, name, answer, ask = std::move(ask)] {
        Result<Answer> found = ask(name);
        pause->change([&] { answer->emplace(std::move(found)); });
      });
  if (!thread) return not_found(name, "there is no room for another thread");
  if (!pause->wait([&] { return answer->has_value(); })) {
    thread->detach();
    return not_found(name, "stopped");
  }
  thread->join();
  return *std::move(*answer);
}

}  // namespace

Result<std::vector<std::string>> SystemResolver::addresses_of(const std::string& name) {
  return ask_beside<std::vector<std::string>>(pause_, name, ask_for_addresses);
}

Result<std::vector<SrvRecord>> SystemResolver::services_of(const std::string& name) {
  return ask_beside<std::vector<SrvRecord>>(pause_, name, ask_for_services);
}

}  // namespace rqlite::discovery
