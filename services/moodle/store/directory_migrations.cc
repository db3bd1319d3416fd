#include "moodle/store/directory_migrations.h"

namespace compagnon::moodle {
namespace {

// Facts as they were told are kept beside what is computed from them (directory_enrolment): intervals, learner, cohort
// and dimension values are computed again from the facts whenever one of them changes, so that neither order nor
// repetition of events matters.
constexpr std::string_view kFirst = R"(
CREATE TABLE directory_site (
  site text PRIMARY KEY,
  log_roles bigint NOT NULL DEFAULT 0,
  live_roles bigint NOT NULL DEFAULT 0,
  role_map text NOT NULL DEFAULT ''
)
--;
CREATE TABLE directory_person (
  site text NOT NULL, user_id bigint NOT NULL, first_name text NOT NULL, last_name text NOT NULL, created_us bigint NOT NULL,
  seq bigint NOT NULL, pass bigint NOT NULL,
  PRIMARY KEY (site, user_id)
)
--;
CREATE TABLE directory_account_change (
  site text NOT NULL, user_id bigint NOT NULL, at_us bigint NOT NULL, ord bigint NOT NULL, kind bigint NOT NULL,
  PRIMARY KEY (site, user_id, at_us, ord, kind)
)
--;
CREATE TABLE directory_person_value (
  site text NOT NULL, user_id bigint NOT NULL, field text NOT NULL, since_us bigint NOT NULL, value text NOT NULL,
  PRIMARY KEY (site, user_id, field, since_us)
)
--;
CREATE TABLE directory_method (
  site text NOT NULL, user_id bigint NOT NULL, course bigint NOT NULL, row_id bigint NOT NULL, time_start_us bigint NOT NULL,
  time_end_us bigint NOT NULL, live bigint NOT NULL, seq bigint NOT NULL, pass bigint NOT NULL,
  PRIMARY KEY (site, user_id, course, row_id)
)
--;
CREATE INDEX directory_method_course ON directory_method (site, course, user_id)
--;
CREATE TABLE directory_method_change (
  site text NOT NULL, user_id bigint NOT NULL, course bigint NOT NULL, row_id bigint NOT NULL, at_us bigint NOT NULL,
  ord bigint NOT NULL, kind bigint NOT NULL,
  PRIMARY KEY (site, user_id, course, row_id, at_us, ord, kind)
)
--;
CREATE TABLE directory_role_held (
  site text NOT NULL, user_id bigint NOT NULL, course bigint NOT NULL, role bigint NOT NULL, held bigint NOT NULL,
  at_us bigint NOT NULL, ord bigint NOT NULL, seq bigint NOT NULL, pass bigint NOT NULL,
  PRIMARY KEY (site, user_id, course, role)
)
--;
CREATE TABLE directory_membership (
  site text NOT NULL, user_id bigint NOT NULL, kind bigint NOT NULL, target bigint NOT NULL, course bigint NOT NULL,
  member bigint NOT NULL, at_us bigint NOT NULL, ord bigint NOT NULL, seq bigint NOT NULL, pass bigint NOT NULL,
  PRIMARY KEY (site, user_id, kind, target)
)
--;
CREATE INDEX directory_membership_target ON directory_membership (site, kind, target)
--;
CREATE TABLE directory_course (
  site text NOT NULL, course bigint NOT NULL, short_name text NOT NULL, full_name text NOT NULL, start_day bigint, end_day bigint,
  category bigint NOT NULL, visible bigint NOT NULL, deleted bigint NOT NULL, seq bigint NOT NULL, pass bigint NOT NULL,
  published text NOT NULL,
  PRIMARY KEY (site, course)
)
--;
CREATE TABLE directory_course_value (
  site text NOT NULL, course bigint NOT NULL, field text NOT NULL, value text NOT NULL,
  PRIMARY KEY (site, course, field)
)
--;
CREATE TABLE directory_category (
  site text NOT NULL, category bigint NOT NULL, name text NOT NULL, parent bigint NOT NULL, seq bigint NOT NULL, pass bigint NOT NULL,
  PRIMARY KEY (site, category)
)
--;
CREATE TABLE directory_module (
  site text NOT NULL, cmid bigint NOT NULL, course bigint NOT NULL, kind text NOT NULL, name text NOT NULL, visible bigint NOT NULL,
  due_us bigint NOT NULL, grade_item bigint NOT NULL, grade_max_milli bigint NOT NULL, grade_pass_milli bigint NOT NULL,
  deleted bigint NOT NULL, seq bigint NOT NULL, pass bigint NOT NULL,
  PRIMARY KEY (site, cmid)
)
--;
CREATE TABLE directory_group (
  site text NOT NULL, kind bigint NOT NULL, target bigint NOT NULL, course bigint NOT NULL, name text NOT NULL, idnumber text NOT NULL,
  deleted bigint NOT NULL, seq bigint NOT NULL, pass bigint NOT NULL,
  PRIMARY KEY (site, kind, target)
)
--;
CREATE TABLE directory_role (
  site text NOT NULL, role bigint NOT NULL, short_name text NOT NULL,
  PRIMARY KEY (site, role)
)
--;
CREATE TABLE directory_enrolment (
  site text NOT NULL, course bigint NOT NULL, user_id bigint NOT NULL, person bigint NOT NULL, cohort text NOT NULL,
  cohort_title text NOT NULL, learner bigint NOT NULL, tutor bigint NOT NULL, intervals text NOT NULL, sex text NOT NULL,
  age_band text NOT NULL, country text NOT NULL, area text NOT NULL, anomalies bigint NOT NULL,
  PRIMARY KEY (site, course, user_id)
)
--;
CREATE INDEX directory_enrolment_person ON directory_enrolment (site, course, person)
--;
CREATE TABLE directory_pass (
  site text NOT NULL, kind text NOT NULL, pass bigint NOT NULL, as_of bigint NOT NULL,
  PRIMARY KEY (site, kind, pass)
)
--;
CREATE TABLE coverage_span (
  site text NOT NULL, from_us bigint NOT NULL, to_us bigint NOT NULL, source text NOT NULL,
  PRIMARY KEY (site, from_us)
)
--;
CREATE TABLE coverage_mark (
  site text NOT NULL, stream text NOT NULL, pos bigint NOT NULL, events bigint NOT NULL,
  PRIMARY KEY (site, stream)
)
--;
CREATE TABLE coverage_published (
  site text PRIMARY KEY, said text NOT NULL
)
--;
CREATE TABLE log_import (
  site text NOT NULL, name text NOT NULL, rows_taken bigint NOT NULL, published bigint NOT NULL, highest_id bigint NOT NULL,
  owner text NOT NULL, lease_until_us bigint NOT NULL, term bigint NOT NULL,
  PRIMARY KEY (site, name)
)
--;
CREATE TABLE log_taken (
  site text NOT NULL, name text NOT NULL, block bigint NOT NULL, ranges text NOT NULL,
  PRIMARY KEY (site, name, block)
)
--;
CREATE TABLE reconcile_run (
  site text PRIMARY KEY, due_day bigint NOT NULL, finished_us bigint NOT NULL, differences bigint NOT NULL, problem text NOT NULL,
  owner text NOT NULL, lease_until_us bigint NOT NULL
)
)";

constexpr store::Migration kMigrations[] = {{1, "directory", kFirst, ""}};

}  // namespace

absl::Span<const store::Migration> DirectoryMigrations() { return kMigrations; }

}  // namespace compagnon::moodle
