#include "store/random_statements.h"

#include <algorithm>
#include <array>

namespace rqlite::store {

TestEntry RandomStatements::schema() {
  return {{{
      "CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE, v CHECK(v < 90), at DEFAULT "
      "CURRENT_TIMESTAMP, r DEFAULT (random()))",
      "CREATE TABLE parent(id INTEGER PRIMARY KEY)",
      "CREATE TABLE child(id INTEGER PRIMARY KEY, p REFERENCES parent(id) DEFERRABLE INITIALLY "
      "DEFERRED, q REFERENCES parent(id))",
      "CREATE TABLE log(n, what)",
      "CREATE TABLE guarded(x)",
      "CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO log VALUES(changes(), "
      "last_insert_rowid()); END",
      "CREATE TRIGGER gr BEFORE INSERT ON guarded WHEN new.x = 1 BEGIN SELECT RAISE(ROLLBACK, "
      "'rolled back'); END",
      "CREATE TRIGGER ga BEFORE INSERT ON guarded WHEN new.x = 2 BEGIN SELECT RAISE(ABORT, "
      "'aborted'); END",
      "CREATE TRIGGER gf BEFORE INSERT ON guarded WHEN new.x = 3 BEGIN SELECT RAISE(FAIL, "
      "'failed'); END",
      "CREATE TRIGGER gi BEFORE INSERT ON guarded WHEN new.x = 4 BEGIN SELECT RAISE(IGNORE); END",
      "CREATE VIRTUAL TABLE words USING fts5(w)",
      "CREATE TABLE strict(i INTEGER, t TEXT UNIQUE) STRICT",
      "INSERT INTO parent(id) VALUES(1), (2), (3)",
  }}};
}

std::string RandomStatements::conflict() {
  static constexpr std::array<const char*, 6> kClauses{"",         "OR ROLLBACK ", "OR ABORT ",
                                                       "OR FAIL ", "OR IGNORE ",   "OR REPLACE "};
  return kClauses[random_.below(kClauses.size())];
}

std::string RandomStatements::insert() {
  switch (random_.below(5)) {
    case 0:
      return "INSERT " + conflict() + "INTO t(u, v) VALUES(" + number(30) + ", " + number(99) + ")";
    case 1:
      return "INSERT " + conflict() + "INTO t(u, v) SELECT " + number(30) + " + value, " +
             number(95) + " + value FROM json_each('[0,1,2,3]')";
    case 2:
      return "UPDATE " + conflict() + "t SET u = u + " + number(3) +
             ", v = v + 1 WHERE id % 3 = " + number(3);
    case 3:
      return "INSERT INTO t(u, v) VALUES(" + number(40) +
             ", 5) ON CONFLICT(u) DO UPDATE SET v = v + 1 RETURNING id, u";
    default:
      return "DELETE FROM t WHERE u = " + number(30);
  }
}

std::string RandomStatements::foreign_key() {
  switch (random_.below(5)) {
    case 0:
      return "INSERT INTO child(p) VALUES(" + number(6) + ")";
    case 1:
      return "INSERT INTO child(p, q) VALUES(" + number(4) + ", " + number(6) + ")";
    case 2:
      return "DELETE FROM parent WHERE id = " + number(6);
    case 3:
      return "INSERT OR IGNORE INTO parent(id) VALUES(" + number(6) + ")";
    default:
      return "DELETE FROM child WHERE id % 2 = " + number(2);
  }
}

std::string RandomStatements::control() {
  switch (random_.below(9)) {
    case 0:
      return "BEGIN";
    case 1:
      return "COMMIT";
    case 2:
      return "ROLLBACK";
    case 3:
      return "SAVEPOINT s";
    case 4:
      return "RELEASE s";
    case 5:
      return "BEGIN; " + insert() + "; " + foreign_key() + "; COMMIT";
    case 6:
      return insert() + "; " + insert();
    case 7:
      return insert() + "; -- nothing follows";
    default:
      return "ROLLBACK TO s";
  }
}

std::string RandomStatements::odd() {
  switch (random_.below(19)) {
    case 16:
      return "INSERT " + conflict() + "INTO strict VALUES(1, " + number(9) + "), ('one', " +
             number(9) + ")";
    case 17:
      return "INSERT " + conflict() + "INTO t(id, u) VALUES(" + number(99) + ", " + number(30) +
             "), ('one', 1)";
    case 18:
      return "UPDATE strict SET i = CASE WHEN t > " + number(9) + " THEN 'one' ELSE i + 1 END";
    case 0:
      return "VACUUM";
    case 1:
      return "PRAGMA foreign_keys=" + number(2);
    case 2:
      return "PRAGMA defer_foreign_keys=1";
    case 3:
      return "PRAGMA user_version=" + number(9);
    case 4:
      return "PRAGMA recursive_triggers=1";
    case 5:
      return "CREATE TEMP TABLE x" + number(3) + "(a)";
    case 6:
      return "INSERT INTO guarded VALUES(" + number(6) + ")";
    case 7:
      return "INSERT INTO guarded VALUES(7), (" + number(6) + ")";
    case 8:
      return "INSERT INTO words VALUES('word" + number(50) + "')";
    case 9:
      return "INSERT INTO log VALUES(changes(), total_changes())";
    case 10:
      return "INSERT INTO log VALUES(last_insert_rowid(), random())";
    case 11:
      return "INSERT INTO log SELECT id, u FROM t ORDER BY random() LIMIT 2";
    case 12:
      return "CREATE TABLE IF NOT EXISTS made" + number(4) + "(a, b)";
    case 13:
      return "DROP TABLE IF EXISTS made" + number(4);
    case 14:
      return "SELECT count(*) FROM t";
    default:
      return "INSERT INTO nowhere VALUES(1)";
  }
}

std::string RandomStatements::read() {
  switch (random_.below(14)) {
    case 0:
      return "SELECT id, u, v AS value FROM t WHERE id > " + number(20) + " ORDER BY id LIMIT 5";
    case 1:
      return "SELECT count(*), max(u), (SELECT count(*) FROM log) FROM t";
    case 2:
      return "SELECT * FROM made" + number(4);
    case 3:
      return "SELECT CASE id WHEN " + number(9) +
             " THEN abs(-9223372036854775808) ELSE u END FROM t";
    case 4:
      return "SELECT changes(), total_changes(), last_insert_rowid()";
    case 5:
      return "SELECT random(), hex(randomblob(3)), CURRENT_TIMESTAMP";
    case 6:
      return "EXPLAIN QUERY PLAN SELECT * FROM made" + number(4);
    case 7:
      return "SELECT w FROM words WHERE words MATCH 'word" + number(50) + "'";
    case 8:
      return "SELECT 1; SELECT * FROM made" + number(4);
    case 9:
      return "SELECT 1; " + insert();
    case 10:
      return "VALUES(1, 'a'), (2, x'00')";
    case 11:
      return "PRAGMA table_info(made" + number(4) + ")";
    case 12:
      return "SELECT ?";
    default:
      return "SELECT 1; VACUUM";
  }
}

std::string RandomStatements::unified() {
  switch (random_.below(10)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return read();
    case 4:
      return "INSERT INTO made" + number(4) + "(a) VALUES(" + number(9) + ")";
    case 5:
      return "CREATE TABLE made" + number(4) + "(a, b)";
    case 6:
      return "DROP TABLE made" + number(4);
    default:
      return statement();
  }
}

std::string RandomStatements::statement() {
  const std::uint64_t kind = random_.below(100);
  if (kind < 60) return insert();
  if (kind < 80) return foreign_key();
  if (kind < 93) return odd();
  return control();
}

// Members 2 to 4 may be none when it comes.
command::Origin RandomStatements::origin() {
  const std::uint64_t member = random_.chance(0.5) ? 1 : 1 + random_.below(4);
  Sender& sender = senders_[member - 1];
  if (random_.chance(0.1)) sender = {sender.epoch + 1, 0};
  sender.number++;
  return {member, sender.epoch, sender.number,
          sender.number - random_.below(std::min<std::uint64_t>(sender.number, 6))};
}

TestEntry RandomStatements::entry() {
  if (random_.chance(0.05)) {
    const std::uint64_t member = 2 + random_.below(3);
    return random_.chance(0.6) ? member_comes(member) : member_goes(member);
  }
  if (!forwarded_.empty() && random_.chance(0.15)) {
    const std::size_t newest = std::min<std::size_t>(forwarded_.size(), 6);
    return forwarded_[forwarded_.size() - 1 - random_.below(newest)];
  }
  TestEntry entry = entry_of_requests();
  if (random_.chance(0.3)) {
    entry.resize(1);
    entry = forwarded(std::move(entry), origin());
    forwarded_.push_back(entry);
  }
  return entry;
}

TestEntry RandomStatements::entry_of_requests() {
  TestEntry entry;
  const std::uint64_t requests = 1 + random_.below(3);
  for (std::uint64_t i = 0; i < requests; i++) {
    TestRequest& request = entry.emplace_back();
    request.transaction = random_.chance(0.3);
    request.unified = random_.chance(0.3);
    if (random_.chance(0.05)) request.runs_max = random_.below(3);
    const std::uint64_t statements = 1 + random_.below(4);
    for (std::uint64_t j = 0; j < statements; j++) {
      request.sql.push_back(request.unified ? unified() : statement());
    }
    if (random_.chance(0.2)) {
      request.key = "key" + number(5);
      keyed_.push_back(request);
    }
    if (!keyed_.empty() && random_.chance(0.15)) {
      entry.push_back(keyed_[random_.below(keyed_.size())]);
    }
  }
  return entry;
}

}  // namespace rqlite::store
