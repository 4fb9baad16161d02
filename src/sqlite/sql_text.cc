#include "sqlite/sql_text.h"

#include <array>
#include <cstddef>
#include <string>
#include <utility>

namespace rqlite::sqlite {
namespace {

// A vertical tab is one only behind another blank.
bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r' && c != '\v'); }

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '$' || (static_cast<unsigned char>(c) & 0x80) != 0;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool equals(std::string_view text, std::string_view lower_case) {
  if (text.size() != lower_case.size()) return false;
  for (std::size_t i = 0; i < text.size(); i++) {
    if (lower(text[i]) != lower_case[i]) return false;
  }
  return true;
}

// Reads an SQL text token by token.
class Scanner {
 public:
  // SQLite's text ends at the first NUL.
  explicit Scanner(std::string_view sql) : sql_(sql.substr(0, sql.find('\0'))) {}

  // Skips blanks and comments. False at the end of the text.
  bool skip_blanks() {
    while (at_ < sql_.size()) {
      if (is_blank(sql_[at_])) {
        while (at_ < sql_.size() && (is_blank(sql_[at_]) || sql_[at_] == '\v')) at_++;
      } else if (sql_.substr(at_).starts_with(kByteOrderMark)) {
        at_ += kByteOrderMark.size();
      } else if (sql_.substr(at_, 2) == "--") {
        const std::size_t end = sql_.find('\n', at_);
        at_ = end == std::string_view::npos ? sql_.size() : end + 1;
      } else if (sql_.substr(at_, 2) == "/*") {
        const std::size_t end = sql_.find("*/", at_ + 2);
        at_ = end == std::string_view::npos ? sql_.size() : end + 2;
      } else {
        return true;
      }
    }
    return false;
  }

  [[nodiscard]] bool only_white_space_left() const {
    for (std::size_t i = at_; i < sql_.size(); i++) {
      if (!is_blank(sql_[i])) return false;
    }
    return true;
  }

  // The next token behind blanks and comments; empty at the end. Words, quoted names and variables
  // are one token each, anything else is one character.
  std::string_view next() {
    if (!skip_blanks()) return {};
    const std::size_t start = at_;
    const char c = sql_[at_];
    if (c == '$' || c == '@' || c == '#' || c == ':') {
      skip_variable();
    } else if (is_word(c)) {
      while (at_ < sql_.size() && is_word(sql_[at_])) at_++;
    } else if (c == '\'' || c == '"' || c == '`') {
      skip_quoted(c);
    } else if (c == '[') {
      const std::size_t end = sql_.find(']', at_);
      at_ = end == std::string_view::npos ? sql_.size() : end + 1;
    } else {
      at_++;
    }
    return sql_.substr(start, at_ - start);
  }

  // Moves behind the next `;`. False if there is none.
  bool skip_statement() {
    for (std::string_view token = next(); !token.empty(); token = next()) {
      if (token == ";") return true;
    }
    return false;
  }

 private:
  // A name as Tcl writes it: "$a::b(c)", where anything but blanks stands between parentheses.
  void skip_variable() {
    bool named = false;
    for (at_++; at_ < sql_.size(); at_++) {
      if (is_word(sql_[at_])) {
        named = true;
      } else if (sql_[at_] == '(' && named) {
        while (at_ < sql_.size() && sql_[at_] != ')' && !is_blank(sql_[at_]) && sql_[at_] != '\v') {
          at_++;
        }
        if (at_ < sql_.size() && sql_[at_] == ')') at_++;
        return;
      } else if (sql_.substr(at_, 2) == "::") {
        at_++;
      } else {
        return;
      }
    }
  }

  void skip_quoted(char quote) {
    at_++;
    while (at_ < sql_.size()) {
      if (sql_[at_++] != quote) continue;
      if (at_ == sql_.size() || sql_[at_] != quote) return;
      at_++;  // doubled: part of the name or string
    }
  }

  std::string_view sql_;
  std::size_t at_ = 0;
};

Keyword keyword_of(std::string_view word) {
  static constexpr std::array<std::pair<std::string_view, Keyword>, 11> kKeywords{{
      {"begin", Keyword::kBegin},
      {"commit", Keyword::kCommit},
      {"end", Keyword::kCommit},
      {"rollback", Keyword::kRollback},
      {"savepoint", Keyword::kSavepoint},
      {"release", Keyword::kRelease},
      {"pragma", Keyword::kPragma},
      {"attach", Keyword::kAttach},
      {"detach", Keyword::kDetach},
      {"vacuum", Keyword::kVacuum},
      {"explain", Keyword::kExplain},
  }};
  for (const auto& [text, keyword] : kKeywords) {
    if (equals(word, text)) return keyword;
  }
  return Keyword::kOther;
}

// A name without its quotes.
std::string unquote(std::string_view token) {
  if (token.size() < 2) return std::string(token);
  const char open = token.front();
  const char close = open == '[' ? ']' : open;
  if ((open != '"' && open != '\'' && open != '`' && open != '[') || token.back() != close) {
    return std::string(token);
  }
  std::string name;
  for (std::size_t i = 1; i + 1 < token.size(); i++) {
    name += token[i];
    if (open != '[' && token[i] == open) i++;
  }
  return name;
}

// `scanner` stands behind the word VACUUM.
bool vacuums_into(Scanner scanner) {
  std::string_view token = scanner.next();
  if (!equals(token, "into")) token = scanner.next();  // behind a schema's name
  return equals(token, "into");
}

// `scanner` stands behind the word PRAGMA.
bool pragma_is_forbidden(Scanner scanner) {
  std::string name = unquote(scanner.next());
  std::string_view token = scanner.next();
  if (token == ".") {
    name = unquote(scanner.next());
    token = scanner.next();
  }
  return is_forbidden_pragma(name, token == "=" || token == "(");
}

}  // namespace

SqlShape shape_of(std::string_view sql) {
  Scanner scanner(sql);
  std::string_view word = scanner.next();
  while (word == ";") word = scanner.next();  // SQLite passes over empty statements in front
  if (word.empty()) return {};
  SqlShape shape{keyword_of(word), true};
  if (shape.first == Keyword::kVacuum && vacuums_into(scanner)) shape.first = Keyword::kVacuumInto;
  // Most texts have no `;` at all, which is quick to see.
  if (sql.find(';') == std::string_view::npos) return shape;
  if (scanner.skip_statement()) shape.single = scanner.only_white_space_left();
  return shape;
}

bool is_groupable(SqlShape shape) {
  if (!shape.single) return false;
  switch (shape.first) {
    case Keyword::kNone:
    case Keyword::kOther:
      return true;
    case Keyword::kExplain:  // a PRAGMA acts as soon as it is prepared, explained or not
    case Keyword::kBegin:
    case Keyword::kCommit:
    case Keyword::kRollback:
    case Keyword::kSavepoint:
    case Keyword::kRelease:
    case Keyword::kPragma:
    case Keyword::kAttach:
    case Keyword::kDetach:
    case Keyword::kVacuum:
    case Keyword::kVacuumInto:
      return false;
  }
  return false;
}

bool is_answered_when_prepared(Keyword first) {
  return first == Keyword::kExplain || first == Keyword::kPragma;
}

std::optional<std::string_view> forbidden(std::string_view sql) {
  const bool several = sql.find(';') != std::string_view::npos;
  Scanner scanner(sql);
  do {
    std::string_view first = scanner.next();
    while (first == ";") first = scanner.next();  // empty statements
    Keyword keyword = keyword_of(first);
    if (keyword == Keyword::kExplain) {
      // EXPLAIN runs nothing, but preparing a PRAGMA already has its effect.
      std::string_view word = scanner.next();
      if (equals(word, "query")) {
        scanner.next();  // PLAN
        word = scanner.next();
      }
      keyword = keyword_of(word);
    }
    if (keyword == Keyword::kPragma && pragma_is_forbidden(scanner)) return "disallowed pragma";
    if (keyword == Keyword::kAttach || keyword == Keyword::kDetach) return "disallowed attach";
  } while (several && scanner.skip_statement());
  return std::nullopt;
}

bool is_forbidden_pragma(std::string_view name, bool has_value) {
  // Each would change how the server's own connections keep or share the database.
  static constexpr std::array<std::string_view, 12> kNotToBeSet{
      "journal_mode",         "synchronous",     "query_only",         "wal_autocheckpoint",
      "locking_mode",         "writable_schema", "journal_size_limit", "temp_store_directory",
      "data_store_directory", "hard_heap_limit", "soft_heap_limit",    "schema_version"};
  if (equals(name, "wal_checkpoint")) return true;
  if (!has_value) return false;
  for (std::string_view forbidden_name : kNotToBeSet) {
    if (equals(name, forbidden_name)) return true;
  }
  return false;
}

}  // namespace rqlite::sqlite
