#include "rqlited/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

namespace rqlite::rqlited {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

CommandLine parse(const std::vector<std::string>& arguments) {
  return parse_command_line(arguments, "rqlited 10 linux");
}

// The options of a command line that is to run.
Options options(const std::vector<std::string>& arguments) {
  const CommandLine line = parse(arguments);
  EXPECT_TRUE(line.run) << line.output;
  return line.options;
}

// "exit code: first line of the output"; "run" if it is to run.
std::string outcome(const std::vector<std::string>& arguments) {
  const CommandLine line = parse(arguments);
  if (line.run) return "run";
  return std::to_string(line.exit_code) + ": " + line.output.substr(0, line.output.find('\n'));
}

TEST(OptionsTest, HaveTheDefaultsThatUsersKnow) {
  const Options defaults = options({"/data"});
  EXPECT_EQ(defaults.http_addr, "localhost:4001");
  EXPECT_EQ(defaults.http_adv_addr, "localhost:4001");
  EXPECT_EQ(defaults.raft_addr, "localhost:4002");
  EXPECT_EQ(defaults.raft_adv_addr, "localhost:4002");
  EXPECT_EQ(defaults.node_id, "localhost:4002");
  EXPECT_FALSE(defaults.foreign_keys);
  EXPECT_EQ(defaults.read_connections_max, 256);
  EXPECT_TRUE(defaults.extensions().empty());
  EXPECT_EQ(defaults.auto_vacuum_int, 0s);
  EXPECT_EQ(defaults.auto_optimize_int, 24h);
  EXPECT_EQ(defaults.queue_capacity, 1024);
  EXPECT_EQ(defaults.queue_batch_size, 128);
  EXPECT_EQ(defaults.queue_timeout, 50ms);
  EXPECT_FALSE(defaults.queue_tx);
  EXPECT_EQ(defaults.queue_bytes_max, 64u << 20);
  EXPECT_EQ(defaults.queue_drain_timeout, 10s);
  EXPECT_EQ(defaults.raft_snap, 8192u);
  EXPECT_EQ(defaults.raft_snap_wal_size, 4u << 20);
  EXPECT_EQ(defaults.raft_snap_int, 10s);
  EXPECT_EQ(defaults.raft_heartbeat_timeout, 1s);
  EXPECT_EQ(defaults.data_directory, "/data");
}

TEST(OptionsTest, AdvertisedAddressesAndTheNodeIdFollowTheBoundOnes) {
  const Options bound = options({"-http-addr=:5001", "-raft-addr", "h:5002", "/data"});
  EXPECT_EQ(bound.http_adv_addr, ":5001");
  EXPECT_EQ(bound.raft_adv_addr, "h:5002");
  EXPECT_EQ(bound.node_id, "h:5002");
  const Options advertised =
      options({"-raft-addr=0.0.0.0:5002", "-raft-adv-addr=h:5002", "-node-id=one", "/data"});
  EXPECT_EQ(advertised.raft_adv_addr, "h:5002");
  EXPECT_EQ(advertised.node_id, "one");
}

TEST(OptionsTest, TlsTakesACertificateAndItsKey) {
  const Options tls = options({"-http-cert=c", "-http-key", "k", "-http-ca-cert=a",
                               "-http-verify-client", "-http-verify-common-name=fiona", "/data"});
  EXPECT_EQ(tls.http_cert, "c");
  EXPECT_EQ(tls.http_key, "k");
  EXPECT_EQ(tls.http_ca_cert, "a");
  EXPECT_TRUE(tls.http_verify_client);
  EXPECT_EQ(tls.http_verify_common_name, "fiona");
  EXPECT_EQ(outcome({"-http-verify-client", "-http-verify-common-name=fiona", "/data"}), "run");
}

TEST(OptionsTest, TheDataDirectoryIsTrimmedAndMadeAbsolute) {
  EXPECT_EQ(options({" /data/node \t"}).data_directory, "/data/node");
  EXPECT_EQ(options({"data"}).data_directory, (std::filesystem::current_path() / "data").string());
  EXPECT_EQ(options({"/data/x/../y/"}).data_directory, "/data/y");
  EXPECT_EQ(options({"/"}).data_directory, "/");
}

TEST(OptionsTest, ExtensionPathsAreSeparatedByCommasAlone) {
  EXPECT_EQ(options({"-extensions-path=/", "/data"}).extensions(), std::vector<std::string>{"/"});
  EXPECT_EQ(options({"-extensions-path", "/,/dev/null,.", "/data"}).extensions(),
            (std::vector<std::string>{"/", "/dev/null", "."}));
  EXPECT_EQ(outcome({"-extensions-path=/, /", "/data"}),
            "1: fatal: extension path does not exist:  /");
  EXPECT_EQ(outcome({"-extensions-path=,", "/data"}), "1: fatal: extension path does not exist: ");
}

TEST(OptionsTest, HelpGoesBeforeEverythingButFlagsBeforeIt) {
  const CommandLine help = parse({"-h"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_TRUE(help.output.starts_with("\nrqlited is "));
  EXPECT_NE(help.output.find("\nUsage: rqlited [flags] <data directory>\n"), std::string::npos);
  EXPECT_NE(help.output.find("  -write-queue-timeout duration\n    \t"), std::string::npos);
  EXPECT_NE(help.output.find(" (default 50ms)\n"), std::string::npos);
  EXPECT_EQ(help.output.find("-cdc-config"), std::string::npos);  // does not work yet
  EXPECT_EQ(outcome({"-foo", "-h"}), "2: flag provided but not defined: -foo");
}

TEST(OptionsTest, VersionIsOneLineAndNeedsNothingElse) {
  const CommandLine version = parse({"-version", "-http-addr=bad"});
  EXPECT_FALSE(version.run);
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_EQ(version.output, "rqlited 10 linux\n");
  EXPECT_EQ(outcome({"-version", "a", "b"}), "0: rqlited 10 linux");
}

TEST(OptionsTest, BadFlagsShowTheUsageToo) {
  EXPECT_EQ(outcome({"-write-queue-capacity=x"}),
            "2: invalid value \"x\" for flag -write-queue-capacity: parse error");
  EXPECT_EQ(outcome({"-fk=maybe", "/data"}),
            "2: invalid boolean value \"maybe\" for -fk: parse error");
  EXPECT_EQ(outcome({"-node-id"}), "2: flag needs an argument: -node-id");
  EXPECT_EQ(outcome({"---x"}), "2: bad flag syntax: ---x");
  EXPECT_NE(parse({"---x"}).output.find("Usage: rqlited"), std::string::npos);
}

TEST(OptionsTest, FlagsThatDoNotWorkYetAreRefused) {
  EXPECT_EQ(outcome({"-cdc-config=f", "/data"}), "1: fatal: -cdc-config is not built yet");
}

TEST(OptionsTest, FoundingWithOthersHasItsDefaults) {
  const Options defaults = options({"/data"});
  EXPECT_EQ(defaults.bootstrap_expect, 0);
  EXPECT_EQ(defaults.bootstrap_expect_timeout, 2min);
  EXPECT_EQ(defaults.disco_key, "rqlite");
  EXPECT_FALSE(defaults.disco());
  EXPECT_TRUE(defaults.is_alone());
  EXPECT_TRUE(options({"-bootstrap-expect=3", "/data"}).is_alone());  // nobody to found with
  EXPECT_FALSE(options({"-bootstrap-expect=3", "-join=a:1", "/data"}).is_alone());
  EXPECT_FALSE(options({"-raft-non-voter", "/data"}).is_alone());
}

TEST(OptionsTest, WhoExpectsOthersAndKnowsNobodyIsWarned) {
  EXPECT_THAT(options({"-bootstrap-expect=3", "/d"}).warnings(),
              ElementsAre(HasSubstr("does nothing without -join or -disco-mode")));
  EXPECT_THAT(options({"-bootstrap-expect=3", "-join=a:1", "/d"}).warnings(), IsEmpty());
  EXPECT_THAT(options({"-bootstrap-expect=3", "-disco-mode=dns", "/d"}).warnings(), IsEmpty());
}

TEST(OptionsTest, WhoFoundsMayListItself) {
  EXPECT_EQ(outcome({"-join", "localhost:4002", "/data"}),
            "1: fatal: node cannot join with itself unless bootstrapping");
  EXPECT_EQ(outcome({"-join", "localhost:4002,a:1", "-bootstrap-expect=2", "/data"}), "run");
}

TEST(OptionsTest, OnlyVotersFoundClusters) {
  EXPECT_EQ(outcome({"-join=a:1", "-bootstrap-expect=2", "-raft-non-voter", "/data"}),
            "1: fatal: bootstrapping only applicable to voting nodes");
}

TEST(OptionsTest, DiscoveryAndWhatGoesWithIt) {
  const auto wrong = [](const char* text) { return std::string("1: fatal: ") + text; };
  EXPECT_EQ(outcome({"-disco-mode", "dns", "-join=a:1", "/data"}),
            wrong("disco mode cannot be used when also explicitly joining a cluster"));
  EXPECT_EQ(outcome({"-disco-mode", "zookeeper", "/data"}),
            wrong("disco mode must be one of consul-kv, etcd-kv, dns, or dns-srv"));
  for (const std::string mode : {"dns", "dns-srv"}) {
    EXPECT_EQ(outcome({"-disco-mode", mode, "/data"}),
              wrong("bootstrap-expect value required when using ") + mode + " with a voting node");
    EXPECT_EQ(outcome({"-disco-mode", mode, "-raft-non-voter", "/data"}), "run");
    EXPECT_EQ(outcome({"-disco-mode", mode, "-bootstrap-expect", "3", "/data"}), "run");
  }
  for (const std::string mode : {"consul-kv", "etcd-kv"}) {
    EXPECT_EQ(outcome({"-disco-mode", mode, "-bootstrap-expect", "3", "/data"}),
              wrong("bootstrapping not applicable when using ") + mode);
    EXPECT_EQ(outcome({"-disco-mode", mode, "/data"}), "run");
    EXPECT_EQ(outcome({"-disco-mode", mode, "-disco-key", "", "/data"}),
              wrong("-disco-key must not be empty"));
  }
}

TEST(OptionsTest, NumbersAndTimesOfFoundingMakeSense) {
  EXPECT_EQ(outcome({"-bootstrap-expect=-1", "/data"}),
            "1: fatal: -bootstrap-expect must not be negative");
  EXPECT_EQ(outcome({"-bootstrap-expect=257", "/data"}),
            "1: fatal: -bootstrap-expect must not be more than 256");
  EXPECT_EQ(outcome({"-bootstrap-expect-timeout=0s", "/data"}),
            "1: fatal: -bootstrap-expect-timeout must be greater than 0");
}

TEST(OptionsTest, AnAllowedOriginIsOneLine) {
  EXPECT_EQ(options({"-http-allow-origin", "https://a.example.com", "/data"}).http_allow_origin,
            "https://a.example.com");
  EXPECT_EQ(outcome({"-http-allow-origin", "a\r\nX-Evil: 1", "/data"}),
            "1: fatal: -http-allow-origin must not hold control characters");
}

TEST(OptionsTest, AnAdvertisedAddressIsOneLine) {
  EXPECT_EQ(outcome({"-http-adv-addr", "a\r\nX-Evil: b:1", "/data"}),
            "1: fatal: HTTP advertised HTTP address not valid");
}

// A script that ran with rqlite finds each of its flags: as one that works, or refused by name.
TEST(OptionsTest, KnowAllFlagsOfRqlite) {
  const std::vector<std::string> names = {
      "auth",
      "auto-backup",
      "auto-optimize-int",
      "auto-restore",
      "auto-vacuum-int",
      "bootstrap-expect",
      "bootstrap-expect-timeout",
      "cdc-config",
      "cluster-connect-timeout",
      "compress-snap-transport",
      "cpu-profile",
      "db-max-ro-conns",
      "disco-config",
      "disco-key",
      "disco-mode",
      "extensions-path",
      "fk",
      "http-addr",
      "http-adv-addr",
      "http-allow-origin",
      "http-ca-cert",
      "http-cert",
      "http-key",
      "http-verify-client",
      "http-verify-common-name",
      "join",
      "join-as",
      "join-attempts",
      "join-interval",
      "mem-profile",
      "node-ca-cert",
      "node-cert",
      "node-id",
      "node-key",
      "node-no-verify",
      "node-verify-client",
      "node-verify-common-name",
      "node-verify-server-name",
      "raft-addr",
      "raft-adv-addr",
      "raft-apply-timeout",
      "raft-cluster-remove-shutdown",
      "raft-commit-timeout",
      "raft-election-timeout",
      "raft-heartbeat-timeout",
      "raft-leader-lease-timeout",
      "raft-log-level",
      "raft-non-voter",
      "raft-reap-node-timeout",
      "raft-reap-read-only-node-timeout",
      "raft-remove-shutdown",
      "raft-shutdown-stepdown",
      "raft-snap",
      "raft-snap-int",
      "raft-snap-wal-size",
      "trace-profile",
      "version",
      "write-queue-batch-size",
      "write-queue-capacity",
      "write-queue-timeout",
      "write-queue-tx",
  };
  EXPECT_EQ(names.size(), 61u);
  const std::string usage = parse({"-h"}).output;
  for (const std::string& name : names) {
    if (usage.find("\n  -" + name + "\n") != std::string::npos) continue;
    if (usage.find("\n  -" + name + " ") != std::string::npos) continue;
    EXPECT_EQ(outcome({"-" + name, "/d"}), "1: fatal: -" + name + " is not built yet");
  }
}

TEST(OptionsTest, FlagsThatNoVersionHasAnyMoreAreRefusedWithTheReason) {
  EXPECT_EQ(outcome({"-on-disk-path=/x", "/d"}),
            "1: fatal: -on-disk-path is not supported: the database is the file db.sqlite in the "
            "data directory");
}

TEST(OptionsTest, NothingMayFollowTheDataDirectory) {
  EXPECT_EQ(outcome({"d", "extra", "-fk"}),
            "1: arguments after data directory (d) are not accepted ([extra -fk])");
  EXPECT_EQ(outcome({"-fk", "false", "DIR"}),
            "1: arguments after data directory (false) are not accepted ([DIR])");
}

TEST(OptionsTest, TimesAfterWhichNodesAreRemovedAreMoreThanZeroIfTheyAreGivenAtAll) {
  const auto wrong = [](const std::string& flag) {
    return "1: fatal: " + flag + " must be greater than 0";
  };
  for (const std::string flag : {"-raft-reap-node-timeout", "-raft-reap-read-only-node-timeout"}) {
    EXPECT_EQ(outcome({flag, "0", "/d"}), wrong(flag));
    EXPECT_EQ(outcome({flag, "-1s", "/d"}), wrong(flag));
    EXPECT_EQ(outcome({flag, "1ns", "/d"}), "run");
    // Before whatever else is wrong, but for the words themselves.
    EXPECT_EQ(outcome({flag, "0s", "d", "extra"}), wrong(flag));
    EXPECT_EQ(outcome({flag, "0s"}), wrong(flag));
    EXPECT_EQ(outcome({flag, "0s", "-version"}), "0: rqlited 10 linux");
  }
  EXPECT_EQ(outcome({"-raft-reap-read-only-node-timeout=0", "-raft-reap-node-timeout=0", "/d"}),
            wrong("-raft-reap-node-timeout"));
  EXPECT_EQ(options({"/d"}).raft_reap_node_timeout, 0s);
}

// Each line is wrong in all that follow it too, so that the order is tested with the texts.
TEST(OptionsTest, TheFirstProblemIsReportedInTheOrderThatUsersKnow) {
  const std::pair<std::vector<std::string>, const char*> lines[] = {
      {{" "}, "data directory path is required"},
      {{"-http-cert=c", "-http-verify-common-name=x", "/d"},
       "either both -http-cert and -http-key must be set, or neither"},
      {{"-http-key=k", "/d"}, "either both -http-cert and -http-key must be set, or neither"},
      {{"-http-verify-common-name=x", "-raft-addr=httpx", "-http-addr=httpx", "/d"},
       "-http-verify-common-name requires -http-verify-client"},
      {{"-extensions-path=/none", "-raft-addr=httpx", "-http-addr=httpx", "/d"},
       "extension path does not exist: /none"},
      {{"-raft-addr=httpx", "-http-addr=httpx", "/d"}, "HTTP and Raft addresses must differ"},
      {{"-http-addr=HTTP://h:1", "-raft-addr=x", "/d"},
       "HTTP options should not include protocol (http:// or https://)"},
      {{"-http-adv-addr=httpbox:1", "-http-addr=x", "/d"},
       "HTTP options should not include protocol (http:// or https://)"},
      {{"-http-addr=x", "-http-adv-addr=y", "/d"}, "HTTP bind address not valid"},
      {{"-http-addr=a:b:1", "/d"}, "HTTP bind address not valid"},
      {{"-http-adv-addr=y", "-raft-addr=x", "/d"}, "HTTP advertised HTTP address not valid"},
      {{"-http-addr=0.0.0.0:4001", "-raft-addr=x", "/d"},
       "advertised HTTP address is not routable (0.0.0.0), specify it via -http-addr or "
       "-http-adv-addr"},
      {{"-http-adv-addr=[::]:4001", "-raft-addr=x", "/d"},
       "advertised HTTP address is not routable (::), specify it via -http-addr or "
       "-http-adv-addr"},
      {{"-raft-addr=x", "-raft-adv-addr=y", "/d"}, "raft bind address not valid"},
      {{"-raft-addr=h:x", "-raft-adv-addr=y", "/d"}, "raft bind port not valid"},
      {{"-raft-addr=h:", "/d"}, "raft bind port not valid"},
      {{"-raft-adv-addr=y", "/d"}, "raft advertised address not valid"},
      {{"-raft-addr=0.0.0.0:4002", "/d"},
       "advertised Raft address is not routable (0.0.0.0), specify it via -raft-addr or "
       "-raft-adv-addr"},
      {{"-raft-adv-addr=0.0.0.0:x", "/d"},
       "advertised Raft address is not routable (0.0.0.0), specify it via -raft-addr or "
       "-raft-adv-addr"},
      {{"-raft-adv-addr=h:x", "/d"}, "raft advertised port is not valid"},
      {{"-http-adv-addr=h:1", "-raft-adv-addr=h:1", "/d"},
       "advertised HTTP and Raft addresses must differ"},
      {{"-write-queue-capacity=0", "-write-queue-batch-size=0", "/d"},
       "-write-queue-capacity must be greater than 0"},
      {{"-write-queue-batch-size=-1", "/d"}, "-write-queue-batch-size must be greater than 0"},
      {{"-write-queue-max-bytes=0", "/d"}, "-write-queue-max-bytes must be greater than 0"},
      {{"-write-queue-timeout=-1s", "/d"}, "-write-queue-timeout must not be negative"},
      {{"-write-queue-drain-timeout=-1s", "/d"}, "-write-queue-drain-timeout must not be negative"},
      {{"-auto-vacuum-int=-1s", "-auto-optimize-int=-1s", "/d"},
       "-auto-vacuum-int must not be negative"},
      {{"-auto-optimize-int=-1s", "/d"}, "-auto-optimize-int must not be negative"},
      {{"-db-max-ro-conns=-1", "/d"}, "-db-max-ro-conns must not be negative"},
  };
  for (const auto& [arguments, message] : lines) {
    EXPECT_EQ(outcome(arguments), std::string("1: fatal: ") + message);
  }
}

TEST(OptionsTest, AddressesThatAreFine) {
  for (const char* address :
       {":1", "h:1", "127.0.0.1:1", "[::1]:1", "example.com:65535", "h:http"}) {
    EXPECT_EQ(outcome({std::string("-http-addr=") + address, "/d"}), "run") << address;
  }
}

// As in rqlite. What is bound may do without one; what others are told had better not.
TEST(OptionsTest, AnAdvertisedAddressWithoutAHostIsTakenWithAWarning) {
  EXPECT_THAT(options({"/d"}).warnings(), IsEmpty());
  EXPECT_THAT(
      options({"-raft-addr=:4002", "-http-addr=:4001", "/d"}).warnings(),
      ElementsAre("other nodes cannot reach this one at :4002, which has no host: set "
                  "-raft-adv-addr",
                  "clients that other nodes send to this one cannot reach it at :4001, which has "
                  "no host: set -http-adv-addr"));
  EXPECT_THAT(options({"-raft-addr=:4002", "-raft-adv-addr=h:4002", "-http-addr=:4001",
                       "-http-adv-addr=h:4001", "/d"})
                  .warnings(),
              IsEmpty());
  EXPECT_THAT(options({"-raft-adv-addr=:4002", "/d"}).warnings(), SizeIs(1));
}

TEST(OptionsTest, WarnsOfWhatIsTakenAndDoesNothing) {
  EXPECT_THAT(
      options({"-raft-log-level=loud", "/d"}).warnings(),
      ElementsAre(
          "-raft-log-level loud is none of ERROR, WARN, INFO and DEBUG, and counts as WARN"));
  EXPECT_THAT(options({"-raft-log-level=Warn", "/d"}).warnings(), IsEmpty());
  EXPECT_THAT(options({"-join-as=ann", "/d"}).warnings(),
              ElementsAre(HasSubstr("-join-as does nothing without -auth")));
  EXPECT_THAT(options({"-join-as=ann", "-auth=users", "/d"}).warnings(), IsEmpty());
}

TEST(OptionsTest, TheRaftPortNeedsNoHostBeforeIt) {
  EXPECT_EQ(options({"/d"}).raft_port(), 4002);
  EXPECT_EQ(options({"-raft-addr=:5002", "/d"}).raft_port(), 5002);
  EXPECT_EQ(options({"-raft-addr=[::1]:6002", "/d"}).raft_port(), 6002);
}

TEST(LogLevelTest, IsReadInAnyCaseAndToleratesTheUnknown) {
  EXPECT_EQ(log_level_of("error"), raft::LogLevel::kError);
  EXPECT_EQ(log_level_of("Info"), raft::LogLevel::kInfo);
  EXPECT_EQ(log_level_of("DEBUG"), raft::LogLevel::kDebug);
  EXPECT_EQ(log_level_of("WARN"), raft::LogLevel::kWarn);
  EXPECT_EQ(log_level_of("loud"), raft::LogLevel::kWarn);
}

}  // namespace
}  // namespace rqlite::rqlited
