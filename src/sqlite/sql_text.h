#pragma once

#include <optional>
#include <string_view>

namespace rqlite::sqlite {

// What can be told about an SQL text without parsing it: SQLite's own lexical rules for blanks,
// comments, strings and quoted names, and the first words of each statement. Everything else is
// asked of the prepared statement.

// What a statement begins with, as far as it matters to us.
enum class Keyword {
  kNone,  // an empty statement: blanks and comments only
  kBegin,
  kCommit,  // and END
  kRollback,
  kSavepoint,
  kRelease,
  kPragma,
  kAttach,
  kDetach,
  kVacuum,
  kVacuumInto,  // another file
  kExplain,
  kOther,
};

struct SqlShape {
  Keyword first = Keyword::kNone;
  // At most one statement: nothing but white space behind its `;`, for a comment there counts as
  // an empty statement, whose result is the text's. Texts whose `;` only looks like a separator
  // (the body of a trigger) may be called not single; never the reverse.
  bool single = true;
};

SqlShape shape_of(std::string_view sql);

// Whether all of `sql` may share a transaction with other requests: a single statement that
// neither controls transactions nor changes its behaviour, or its connection, inside one.
bool is_groupable(SqlShape shape);

// Whether the answer of a statement that begins so may be settled when it is prepared: EXPLAIN and
// PRAGMA tell of the schema as the connection knows it then, and do not look again when they run.
bool is_answered_when_prepared(Keyword first);

// Why no statement with this text is ever run, or nullopt: a PRAGMA that belongs to the server
// ("disallowed pragma"), or a file to be attached ("disallowed attach"). Looks at every statement
// in the text.
std::optional<std::string_view> forbidden(std::string_view sql);

// The rules of forbidden() for one PRAGMA, by its name as written and whether it sets a value.
bool is_forbidden_pragma(std::string_view name, bool has_value);

}  // namespace rqlite::sqlite
