// An SQLite extension for tests: two functions, a collation, and an impostor.
#include <sqlite3ext.h>
#include <string.h>

SQLITE_EXTENSION_INIT1

// rot13(text): the letters moved by half the alphabet. An index may use it.
static void rot13(sqlite3_context* context, int count, sqlite3_value** arguments) {
  (void)count;
  const unsigned char* text = sqlite3_value_text(arguments[0]);
  if (text == NULL) return;
  char* moved = sqlite3_mprintf("%s", text);
  if (moved == NULL) {
    sqlite3_result_error_nomem(context);
    return;
  }
  for (char* at = moved; *at != '\0'; at++) {
    const char lower = *at | 0x20;
    if (lower >= 'a' && lower <= 'z') *at += lower < 'n' ? 13 : -13;
  }
  sqlite3_result_text(context, moved, -1, sqlite3_free);
}

// run_sql(text): runs it on the connection that the function is called on. Returns its error, or
// "ok".
static void run_sql(sqlite3_context* context, int count, sqlite3_value** arguments) {
  (void)count;
  const char* sql = (const char*)sqlite3_value_text(arguments[0]);
  char* error = NULL;
  sqlite3_exec(sqlite3_context_db_handle(context), sql, NULL, NULL, &error);
  sqlite3_result_text(context, error != NULL ? error : "ok", -1, SQLITE_TRANSIENT);
  sqlite3_free(error);
}

// random(): the server has one of its own, which this one must not replace.
static void fixed_random(sqlite3_context* context, int count, sqlite3_value** arguments) {
  (void)count;
  (void)arguments;
  sqlite3_result_int(context, 4);
}

// By their last bytes first.
static int backwards(void* unused, int size_a, const void* a, int size_b, const void* b) {
  (void)unused;
  const char* end_a = (const char*)a + size_a;
  const char* end_b = (const char*)b + size_b;
  for (; size_a > 0 && size_b > 0; size_a--, size_b--) {
    const int difference = *--end_a - *--end_b;
    if (difference != 0) return difference;
  }
  return size_a - size_b;
}

int sqlite3_extension_init(sqlite3* database, char** error, const sqlite3_api_routines* api) {
  (void)error;
  SQLITE_EXTENSION_INIT2(api);
  const int pure = SQLITE_UTF8 | SQLITE_DETERMINISTIC;
  int code = sqlite3_create_function(database, "rot13", 1, pure, NULL, rot13, NULL, NULL);
  if (code == SQLITE_OK) {
    code = sqlite3_create_function(database, "run_sql", 1, SQLITE_UTF8, NULL, run_sql, NULL, NULL);
  }
  if (code == SQLITE_OK) {
    code = sqlite3_create_function(database, "random", 0, SQLITE_UTF8, NULL, fixed_random, NULL,
                                   NULL);
  }
  if (code == SQLITE_OK) {
    code = sqlite3_create_collation(database, "backwards", SQLITE_UTF8, NULL, backwards);
  }
  // What it must not get: SQL's own load_extension().
  sqlite3_enable_load_extension(database, 1);
  return code;
}
