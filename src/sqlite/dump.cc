#include "sqlite/dump.h"

#include <sqlite3.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/check.h"

namespace rqlite::sqlite {
namespace {

struct Table {
  std::string name;
  std::string sql;
  bool is_virtual = false;
  bool without_rowid = false;
  bool last = false;  // comes behind those that are not
};

// Whether the text has the word. It may stand in a comment or a name, where it means nothing: then
// sqlite_sequence keeps its place by name.
bool has_autoincrement(const Table& table) {
  constexpr std::string_view kWord = "autoincrement";
  return std::search(table.sql.begin(), table.sql.end(), kWord.begin(), kWord.end(),
                     [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; }) !=
         table.sql.end();
}

// What ends the statement `sql`, which may itself end in a comment.
std::string_view end_of(const std::string& sql) {
  for (std::string_view end : {";\n", "\n;\n", "*/;\n"}) {
    if (sqlite3_complete((sql + std::string(end)).c_str()) != 0) return end;
  }
  return ";\n";
}

std::string one_line(std::string text) {
  std::replace_if(text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return text;
}

// What is read meanwhile is of one moment.
class ReadTransaction {
 public:
  explicit ReadTransaction(Connection& connection)
      : connection_(connection), error_(connection.execute("BEGIN")) {}
  // A reader that stayed inside would see this moment for ever and hold up every checkpoint.
  ~ReadTransaction() {
    if (error_.ok() && !connection_.is_autocommit()) CHECK(connection_.execute("ROLLBACK").ok());
  }
  ReadTransaction(const ReadTransaction&) = delete;

  [[nodiscard]] const Error& error() const { return error_; }

 private:
  Connection& connection_;
  const Error error_;
};

class Dump {
 public:
  Dump(Connection& connection, std::span<const std::string> only, const TextSink& sink)
      : connection_(connection), only_(only), out_(connection, sink) {}

  Status run() {
    out_.text("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n");
    Error error = find_tables();
    for (const Table& table : tables_) {
      if (error.ok() && out_.status().ok()) error = write_table(table);
    }
    if (error.ok()) error = write_rest();
    RETURN_IF_ERROR(out_.status());
    if (!error.ok()) return status_of(error, "dump");
    out_.text("COMMIT;\n");
    return out_.finish();
  }

 private:
  // Calls visit(const Statement&) for each row of `sql`, as long as the sink takes what it writes.
  template <typename Visit>
  Error read(std::string_view sql, Visit visit) {
    Error error;
    Statement statement = connection_.prepare(sql, false, error);
    while (error.ok() && out_.status().ok() && statement.step(error) == Statement::Step::kRow) {
      visit(statement);
    }
    return error;
  }

  [[nodiscard]] bool is_wanted(const std::string& name) const {
    return only_.empty() || std::find(only_.begin(), only_.end(), name) != only_.end();
  }

  // Fills tables_ with those that are to be written, in their order.
  Error find_tables() {
    struct Kind {
      bool is_shadow;
      bool without_rowid;
    };
    std::map<std::string, Kind> kinds;
    Error error = read("PRAGMA main.table_list", [&kinds](const Statement& row) {
      kinds[std::string(row.column(1).bytes)] = {row.column(2).bytes == "shadow",
                                                 row.column(4).integer != 0};
    });
    if (!error.ok()) return error;

    bool any_autoincrement = false;
    error = read(
        "SELECT name, sql, rootpage FROM main.sqlite_master WHERE type = 'table' AND sql IS NOT "
        "NULL",
        [&](const Statement& row) {
          Table table{.name = std::string(row.column(0).bytes),
                      .sql = std::string(row.column(1).bytes)};
          const Kind kind = kinds[table.name];
          table.is_virtual = table.last = row.column(2).integer == 0;
          table.without_rowid = kind.without_rowid;
          any_autoincrement |= has_autoincrement(table);
          if (!kind.is_shadow && is_wanted(table.name)) tables_.push_back(std::move(table));
        });
    if (!error.ok()) return error;

    const auto order = [](const Table& table) { return std::tie(table.last, table.name); };
    std::ranges::sort(tables_, {}, order);
    const auto sequence = std::ranges::find(tables_, "sqlite_sequence", &Table::name);
    if (sequence != tables_.end() && std::none_of(tables_.begin(), sequence, has_autoincrement)) {
      if (any_autoincrement || !only_.empty()) {
        sequence->last = true;
        std::ranges::sort(tables_, {}, order);
      } else {
        tables_.erase(sequence);
      }
    }
    return {};
  }

  Error write_table(const Table& table) {
    if (table.name == "sqlite_sequence") {
      out_.text("DELETE FROM \"sqlite_sequence\";;\n");
    } else if (table.name == "sqlite_stat1") {
      out_.text("ANALYZE \"sqlite_master\";;\n");
    } else if (table.name.starts_with("sqlite_")) {
      return {};
    } else {
      write_statement(table.sql);
    }
    Error error = write_rows(table);
    // One module's trouble, such as a table that it looks into and that is gone, is no reason not
    // to have all the rest.
    if (table.is_virtual && error.fault == Fault::kStatement) {
      out_.text("-- rows that cannot be read: " + one_line(error.text) + "\n");
      return {};
    }
    return error;
  }

  void write_statement(const std::string& sql) {
    out_.text(sql);
    out_.text(end_of(sql));
  }

  Error write_rows(const Table& table) {
    const std::string name = quoted_name(table.name);
    std::string columns;
    bool has_rowid_column = false;
    // The columns that INSERT without a list of columns takes: no generated and no hidden ones.
    Error error = read("PRAGMA main.table_info(" + name + ")", [&](const Statement& row) {
      const std::string column(row.column(1).bytes);
      if (!columns.empty()) columns += ',';
      columns += quoted_name(column);
      has_rowid_column |= sqlite3_stricmp(column.c_str(), "rowid") == 0;
    });
    if (!error.ok() || columns.empty()) return error;

    std::string source = "main." + name;
    std::string target = name;
    if (table.is_virtual) {
      if (!is_writable(name)) return {};
      if (!table.without_rowid && !has_rowid_column) {
        columns.insert(0, "rowid,");
        target += "(" + columns + ")";
      }
    } else if (table.without_rowid) {
      // An index that holds all columns may be quicker to read, but has another order.
      std::string key;
      error = primary_key_index(name, key);
      if (!error.ok()) return error;
      if (!key.empty()) source += " INDEXED BY " + quoted_name(key);
    } else {
      source += " NOT INDEXED";
    }

    const std::string start = "INSERT INTO " + target + " VALUES(";
    return read("SELECT " + columns + " FROM " + source, [&](const Statement& row) {
      out_.text(start);
      for (int i = 0, count = row.column_count(); i < count; i++) {
        if (i > 0) out_.text(",");
        out_.value(row.column(i));
      }
      out_.text(");\n");
    });
  }

  // Of the virtual table, by its quoted name: SQLite compiles no change of one that is not.
  bool is_writable(const std::string& name) {
    const std::string sql = "INSERT INTO main." + name + " DEFAULT VALUES";
    std::string_view rest = sql;
    Error error;
    const Statement never_run = connection_.prepare(rest, false, error);
    return error.ok();
  }

  Error primary_key_index(const std::string& table, std::string& index) {
    return read("PRAGMA main.index_list(" + table + ")", [&index](const Statement& row) {
      if (row.column(3).bytes == "pk") index = row.column(1).bytes;
    });
  }

  Error write_rest() {
    return read(
        "SELECT sql FROM main.sqlite_master WHERE type IN ('index', 'trigger', 'view') "
        "AND sql IS NOT NULL ORDER BY rowid",
        [this](const Statement& row) { write_statement(std::string(row.column(0).bytes)); });
  }

  Connection& connection_;
  const std::span<const std::string> only_;
  SqlWriter out_;
  std::vector<Table> tables_;
};

}  // namespace

Status write_dump(Connection& connection, std::span<const std::string> tables,
                  const TextSink& sink) {
  CHECK(connection.is_autocommit());
  const ReadTransaction transaction(connection);
  if (!transaction.error().ok()) return status_of(transaction.error(), "dump");
  return Dump(connection, tables, sink).run();
}

}  // namespace rqlite::sqlite
