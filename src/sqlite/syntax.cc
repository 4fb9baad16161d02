#include "sqlite/syntax.h"

namespace rqlite::sqlite {
namespace {

// SQLite reports whatever is wrong with one code. These are the texts of its tokenizer and its
// parser; all others come from looking at what was read.
bool is_syntax_error(std::string_view text) {
  return (text.starts_with("near \"") && text.ends_with("\": syntax error")) ||
         text.starts_with("unrecognized token: ") || text == "incomplete input" ||
         text == "parser stack overflow" || text == "string or blob too big";
}

}  // namespace

std::optional<std::string> syntax_error(Connection& connection, std::string_view sql) {
  const Connection::TextOnly text_only(connection);
  sql = sql.substr(0, sql.find('\0'));
  bool any = false;
  while (!sql.empty()) {
    Error error;
    const std::string_view before = sql;
    const Statement statement = connection.prepare(sql, false, error);
    if (!error.ok() && is_syntax_error(error.text)) return error.text;
    any = any || !error.ok() || statement.has_value();
    // One that means nothing ends where SQLite noticed: behind its `;`, unless it gave up reading.
    const std::string_view read = before.substr(0, before.size() - sql.size());
    if (read.empty() || (!error.ok() && !read.ends_with(';'))) break;
  }
  return any ? std::nullopt : std::optional<std::string>("EOF");
}

}  // namespace rqlite::sqlite
