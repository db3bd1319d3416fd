#include "moodle/store/migrations.h"

#include <array>

#include "moodle/store/directory_migrations.h"
#include "platform/bus/outbox.h"

namespace compagnon::moodle {
namespace {

// site_cursor holds the lease and what the lease protects in one row: the cursor moves WHERE term = the holder's, so
// that a poller that was fenced out cannot move it, whatever it still believes.
constexpr std::string_view kFirst = R"(
CREATE TABLE site (
  code text PRIMARY KEY, title text NOT NULL, url text NOT NULL, time_zone text NOT NULL, token bytea NOT NULL,
  created_us bigint NOT NULL, changed_us bigint NOT NULL
)
--;
CREATE TABLE site_cursor (
  site text PRIMARY KEY, epoch text NOT NULL DEFAULT '', seq bigint NOT NULL DEFAULT 0, acked bigint NOT NULL DEFAULT 0,
  fingerprint text NOT NULL DEFAULT '', seen_epoch text NOT NULL DEFAULT '', seen_fingerprint text NOT NULL DEFAULT '',
  began_us bigint NOT NULL DEFAULT 0, holder text NOT NULL DEFAULT '', term bigint NOT NULL DEFAULT 0, lease_until_us bigint NOT NULL DEFAULT 0
)
--;
CREATE TABLE site_health (
  site text PRIMARY KEY, link bigint NOT NULL DEFAULT 0, problem text NOT NULL DEFAULT '', last_answer_us bigint NOT NULL DEFAULT 0,
  last_event_us bigint NOT NULL DEFAULT 0, backlog bigint NOT NULL DEFAULT 0, faults bigint NOT NULL DEFAULT 0
)
--;
CREATE TABLE person_key (
  site text NOT NULL, moodle_user bigint NOT NULL, pseudonym bigint NOT NULL,
  PRIMARY KEY (site, moodle_user)
)
--;
CREATE UNIQUE INDEX person_key_pseudonym ON person_key (pseudonym)
--;
CREATE TABLE slim_stream (
  site text PRIMARY KEY, pos bigint NOT NULL
)
--;
CREATE TABLE slim_page (
  site text NOT NULL, epoch text NOT NULL, first_seq bigint NOT NULL, last_seq bigint NOT NULL, first_pos bigint NOT NULL,
  events bigint NOT NULL, last_recorded_us bigint NOT NULL,
  PRIMARY KEY (site, epoch, first_seq)
)
--;
CREATE TABLE completeness (
  site text NOT NULL, day bigint NOT NULL, pulled bigint NOT NULL, counted bigint NOT NULL, published bigint NOT NULL,
  PRIMARY KEY (site, day)
)
--;
CREATE TABLE bridge_rejected (
  site text NOT NULL, epoch text NOT NULL, seq bigint NOT NULL, reason text NOT NULL, at_us bigint NOT NULL, line bytea NOT NULL
)
--;
CREATE TABLE incident (
  site text NOT NULL, at_us bigint NOT NULL, kind text NOT NULL, epoch text NOT NULL, first_seq bigint NOT NULL, last_seq bigint NOT NULL
)
--;
CREATE TABLE export_pass (
  site text NOT NULL, id bigint NOT NULL, course bigint NOT NULL, reason text NOT NULL, kind bigint NOT NULL, after_id bigint NOT NULL,
  started_us bigint NOT NULL, ended_us bigint NOT NULL, problem text NOT NULL DEFAULT '',
  PRIMARY KEY (site, id)
)
)";

// A kind of which a line could not be read has not been seen whole: its sweep would close what that line held. Lines of
// pulls that could not be read were kept as they came, identities and secrets with them.
constexpr std::string_view kUnreadable = R"(
ALTER TABLE export_pass ADD COLUMN rejected bigint NOT NULL DEFAULT 0
--;
ALTER TABLE bridge_rejected ADD COLUMN event_name text NOT NULL DEFAULT ''
--;
ALTER TABLE bridge_rejected ADD COLUMN bytes bigint NOT NULL DEFAULT 0
--;
ALTER TABLE bridge_rejected ADD COLUMN digest text NOT NULL DEFAULT ''
--;
ALTER TABLE bridge_rejected DROP COLUMN line
)";

// The two dialects differ in the name of the bytes' type alone.
const std::string& SqliteText() {
  static const auto* text = [] {
    auto* t = new std::string(kFirst);
    for (size_t at = 0; (at = t->find("bytea", at)) != std::string::npos;) t->replace(at, 5, "blob");
    return t;
  }();
  return *text;
}

}  // namespace

absl::Span<const store::Migration> MoodleMigrations() {
  static const auto* migrations =
      new std::array{store::Migration{1, "sites, cursors, keys, publication", kFirst, SqliteText()},
                     store::Migration{2, "unreadable lines", kUnreadable, ""}};
  return *migrations;
}

absl::Status MigrateMoodle(store::Database& database) {
  RETURN_IF_ERROR(store::Migrate(database, "outbox", bus::OutboxMigrations()));
  RETURN_IF_ERROR(store::Migrate(database, "moodle", MoodleMigrations()));
  return store::Migrate(database, "moodle_directory", DirectoryMigrations());
}

}  // namespace compagnon::moodle
