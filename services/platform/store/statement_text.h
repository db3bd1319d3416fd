#ifndef COMPAGNON_PLATFORM_STORE_STATEMENT_TEXT_H_
#define COMPAGNON_PLATFORM_STORE_STATEMENT_TEXT_H_

#include <string>
#include <string_view>
#include <vector>

namespace compagnon::store {

struct StatementText {
  std::string sql;     // with the back end's own markers
  int parameters = 0;  // highest number used
};

// Turns :p1, :p2, ... into marker + number: "$1" (PostgreSQL) or "?1" (SQLite). Quoted text, quoted names, comments,
// dollar-quoted bodies and `::type` casts are left alone.
StatementText NumberParameters(std::string_view sql, char marker);

// " ON CONFLICT (keys) DO UPDATE SET ...", or DO NOTHING when `update` is empty: the same on both.
std::string OnConflict(std::string_view keys, std::string_view update);

// Splits a migration at lines that hold nothing but "--;". Empty statements are left out.
std::vector<std::string> SplitStatements(std::string_view text);

// Whether `text` is valid UTF-8 without NUL: what a text column of either back end takes.
bool IsStorableText(std::string_view text);

}  // namespace compagnon::store

#endif  // COMPAGNON_PLATFORM_STORE_STATEMENT_TEXT_H_
