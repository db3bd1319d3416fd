#include <fmt/format.h>

#include <algorithm>

#include "moodle/intake/flat_json.h"
#include "moodle/store/directory.h"
#include "moodle/store/directory_apply.h"
#include "moodle/store/directory_batch.h"

namespace compagnon::moodle {
namespace {

using store::Row;
using store::Session;
using store::Value;

// A sweep that would close more than this share of what is known, and more than this many, is an accident until
// somebody says otherwise.
constexpr int64_t kGuardPercent = 5;
constexpr int64_t kGuardObjects = 20;

// Kinds whose objects hang on a person.
bool OfPerson(std::string_view kind) {
  return kind == "users" || kind == "enrolments" || kind == "role_assignments" || kind == "group_members" ||
         kind == "cohort_members";
}

bool Known(std::string_view kind) {
  return OfPerson(kind) || kind == "categories" || kind == "courses" || kind == "modules" || kind == "roles" ||
         kind == "groups" || kind == "cohorts";
}

int64_t PersonIn(std::string_view kind, const FlatMap& state) {
  return IntAt(state, kind == "users" ? "id" : "userid");
}

// Highest seq of an event about objects of a table that are in the page.
absl::StatusOr<std::map<int64_t, int64_t>> SeqsOf(Session& session, std::string_view site, std::string_view table,
                                                  std::string_view key, std::string_view also,
                                                  const std::set<int64_t>& ids) {
  std::map<int64_t, int64_t> seqs;
  const Value params[] = {std::string(site)};
  RETURN_IF_ERROR(session.Query(
      fmt::format("SELECT {}, seq FROM {} WHERE site = :p1{} AND {} IN ({})", key, table, also, key, NumberList(ids)),
      params, [&](const Row& row) {
        seqs[row.Int(0)] = row.Int(1);
        return absl::OkStatus();
      }));
  return seqs;
}

void HoldRole(DirectoryBatch& batch, PersonFacts& person, const FlatMap& state, const Told& told, int64_t as_of,
              int64_t pass) {
  batch.SawRoles(true);
  // Roles above the course (site, category) make nobody a learner or tutor of a course here.
  if (IntAt(state, "contextlevel") != 50) return;
  const int64_t course = IntAt(state, "courseid") > 0 ? IntAt(state, "courseid") : IntAt(state, "contextinstanceid");
  const int64_t id = IntAt(state, "roleid");
  RoleFacts* role = person.FindRole(course, id);
  if (role == nullptr) {
    person.roles.push_back({course, id, true, told, pass});
  } else {
    if (!role->held && role->told.seq <= as_of) {
      role->held = true;
      role->told = {told.at_us, told.ord, role->told.seq};
    }
    role->pass = pass;
  }
  person.roles_changed = true;
  batch.TouchUser(person.user);
}

void Join(DirectoryBatch& batch, PersonFacts& person, int64_t kind, const FlatMap& state, const Told& told,
          int64_t as_of, int64_t pass) {
  const int64_t target = IntAt(state, kind == kKindGroup ? "groupid" : "cohortid");
  MembershipFacts* membership = person.FindMembership(kind, target);
  if (membership == nullptr) {
    person.memberships.push_back({kind, target, kind == kKindGroup ? IntAt(state, "courseid") : 0, true, told, pass});
  } else {
    if (!membership->member && membership->told.seq <= as_of) {
      membership->member = true;
      membership->told = {told.at_us, told.ord, membership->told.seq};
    }
    membership->pass = pass;
  }
  person.memberships_changed = true;
  batch.TouchUser(person.user);
}

absl::Status Guard(int64_t closing, int64_t known, std::string_view kind) {
  if (closing <= kGuardObjects || closing * 100 <= known * kGuardPercent) return absl::OkStatus();
  return WithReason(
      absl::FailedPreconditionError(fmt::format("the pass of {} would close {} of {}", kind, closing, known)),
      "mass_delete_guard");
}

struct Sweep {
  Session& session;
  std::string_view site;
  std::string_view kind;
  int64_t pass;
  int64_t as_of;
  int64_t now_us;
};

// Users of rows that the pass did not show, and how many rows are known and would be closed.
struct Missing {
  std::set<int64_t> users;
  int64_t closing = 0;
  int64_t known = 0;
};
absl::StatusOr<Missing> MissingOf(const Sweep& sweep, std::string_view table, std::string_view open) {
  Missing missing;
  const Value count[] = {std::string(sweep.site)};
  RETURN_IF_ERROR(sweep.session.Query(fmt::format("SELECT count(*) FROM {} WHERE site = :p1 AND {}", table, open),
                                      count, [&](const Row& row) {
                                        missing.known = row.Int(0);
                                        return absl::OkStatus();
                                      }));
  const Value params[] = {std::string(sweep.site), sweep.pass, sweep.as_of};
  RETURN_IF_ERROR(sweep.session.Query(
      fmt::format("SELECT user_id FROM {} WHERE site = :p1 AND pass <> :p2 AND seq <= :p3 AND {}", table, open), params,
      [&](const Row& row) {
        missing.users.insert(row.Int(0));
        ++missing.closing;
        return absl::OkStatus();
      }));
  RETURN_IF_ERROR(Guard(missing.closing, missing.known, sweep.kind));
  return missing;
}

// Objects with a table of their own are marked, and e that hang on them are computed again.
absl::StatusOr<std::set<int64_t>> MarkDeleted(const Sweep& sweep, std::string_view table, std::string_view key,
                                              std::string_view also) {
  int64_t known = 0;
  std::set<int64_t> closing;
  const Value count[] = {std::string(sweep.site)};
  RETURN_IF_ERROR(
      sweep.session.Query(fmt::format("SELECT count(*) FROM {} WHERE site = :p1 AND deleted = 0{}", table, also), count,
                          [&](const Row& row) {
                            known = row.Int(0);
                            return absl::OkStatus();
                          }));
  const Value params[] = {std::string(sweep.site), sweep.pass, sweep.as_of};
  RETURN_IF_ERROR(sweep.session.Query(
      fmt::format("SELECT {} FROM {} WHERE site = :p1 AND pass <> :p2 AND seq <= :p3 AND deleted = 0{}", key, table,
                  also),
      params, [&](const Row& row) {
        closing.insert(row.Int(0));
        return absl::OkStatus();
      }));
  RETURN_IF_ERROR(Guard(static_cast<int64_t>(closing.size()), known, sweep.kind));
  if (closing.empty()) return closing;
  RETURN_IF_ERROR(sweep.session
                      .Execute(fmt::format("UPDATE {} SET deleted = 1 WHERE site = :p1{} AND {} IN ({})", table, also,
                                           key, NumberList(closing)),
                               count)
                      .status());
  return closing;
}

}  // namespace

absl::Status Directory::ApplyExportPage(store::Session& session, std::string_view site, std::string_view kind,
                                        int64_t pass, int64_t as_of, absl::Span<const std::string> rows) {
  if (!Known(kind)) return absl::OkStatus();
  ASSIGN_OR_RETURN(DirectoryBatch batch, DirectoryBatch::Begin(*this, session, site));
  const Value mark[] = {std::string(site), std::string(kind), pass, as_of};
  RETURN_IF_ERROR(session
                      .Execute("INSERT INTO directory_pass (site, kind, pass, as_of) VALUES (:p1, :p2, :p3, :p4) ON "
                               "CONFLICT (site, kind, pass) "
                               "DO UPDATE SET as_of = CASE WHEN excluded.as_of < directory_pass.as_of THEN "
                               "excluded.as_of ELSE directory_pass.as_of END",
                               mark)
                      .status());

  std::vector<FlatMap> states;
  std::set<int64_t> users, courses, ids;
  for (const std::string& row : rows) {
    FlatMap state;
    if (!ReadFlatJson(row, &state))
      return absl::InvalidArgumentError(fmt::format("a row of {} is not a JSON object", kind));
    if (OfPerson(kind)) {
      const int64_t user = PersonIn(kind, state);
      if (user <= 0) continue;
      users.insert(user);
    }
    if (kind == "courses") courses.insert(IntAt(state, "id"));
    ids.insert(IntAt(state, "id"));
    states.push_back(std::move(state));
  }
  RETURN_IF_ERROR(batch.Load(users, courses));
  std::map<int64_t, int64_t> seqs;
  if (kind == "categories") {
    ASSIGN_OR_RETURN(seqs, SeqsOf(session, site, "directory_category", "category", "", ids));
  } else if (kind == "modules") {
    ASSIGN_OR_RETURN(seqs, SeqsOf(session, site, "directory_module", "cmid", "", ids));
  } else if (kind == "groups") {
    ASSIGN_OR_RETURN(seqs, SeqsOf(session, site, "directory_group", "target", " AND kind = 0", ids));
  } else if (kind == "cohorts") {
    ASSIGN_OR_RETURN(seqs, SeqsOf(session, site, "directory_group", "target", " AND kind = 1", ids));
  }

  const int64_t now_us = absl::ToUnixMicros(options_.clock->Now());
  for (const FlatMap& state : states) {
    const int64_t id = IntAt(state, "id");
    const int64_t modified = IntAt(state, "timemodified") > 0 ? IntAt(state, "timemodified") * kSecondUs : now_us;
    const Told told{std::min(modified, now_us), as_of, 0};
    if (kind == "users") {
      PersonFacts& person = batch.Person(id);
      if (person.seq > as_of) {
        person.pass = pass;
        person.person_changed = true;
      } else {
        TellUser(batch, person, state, told, pass);
      }
    } else if (kind == "enrolments") {
      PersonFacts& person = batch.Person(IntAt(state, "userid"));
      MethodFacts* method = person.FindMethod(IntAt(state, "courseid"), id);
      if (method != nullptr && method->seq > as_of) {
        if (method->pass != -1) method->pass = pass;
        person.methods_changed = true;
      } else {
        TellEnrolment(person, state, told, pass);
        batch.TouchUser(person.user);
      }
    } else if (kind == "role_assignments") {
      HoldRole(batch, batch.Person(IntAt(state, "userid")), state, told, as_of, pass);
    } else if (kind == "group_members") {
      Join(batch, batch.Person(IntAt(state, "userid")), kKindGroup, state, told, as_of, pass);
    } else if (kind == "cohort_members") {
      Join(batch, batch.Person(IntAt(state, "userid")), kKindCohort, state, told, as_of, pass);
    } else if (kind == "courses") {
      CourseFacts& course = batch.Course(id);
      if (course.seq > as_of) {
        course.pass = pass;
        course.changed = true;
      } else {
        TellCourse(batch, course, state, told, pass);
      }
    } else if (kind == "roles") {
      const Value params[] = {std::string(site), id, TextAt(state, "shortname")};
      RETURN_IF_ERROR(session
                          .Execute("INSERT INTO directory_role (site, role, short_name) VALUES (:p1, :p2, :p3) "
                                   "ON CONFLICT (site, role) DO UPDATE SET short_name = excluded.short_name",
                                   params)
                          .status());
    } else if (auto seq = seqs.find(id); seq != seqs.end() && seq->second > as_of) {
      // An event after the page's moment knows better; that the object is there still counts.
      const Value params[] = {std::string(site), id, pass};
      const std::string_view sql =
          kind == "categories" ? "UPDATE directory_category SET pass = :p3 WHERE site = :p1 AND category = :p2"
          : kind == "modules"  ? "UPDATE directory_module SET pass = :p3 WHERE site = :p1 AND cmid = :p2"
          : kind == "groups"   ? "UPDATE directory_group SET pass = :p3 WHERE site = :p1 AND kind = 0 AND target = :p2"
                               : "UPDATE directory_group SET pass = :p3 WHERE site = :p1 AND kind = 1 AND target = :p2";
      RETURN_IF_ERROR(session.Execute(sql, params).status());
    } else if (kind == "categories") {
      RETURN_IF_ERROR(TellCategory(batch, state, told, pass));
    } else if (kind == "modules") {
      RETURN_IF_ERROR(TellModule(batch, state, told, pass));
    } else {
      RETURN_IF_ERROR(TellSet(batch, kind == "groups" ? kKindGroup : kKindCohort, id, IntAt(state, "courseid"), state,
                              told, pass, false));
    }
  }
  return batch.Finish();
}

absl::Status Directory::SweepPass(store::Session& session, std::string_view site, std::string_view kind, int64_t pass) {
  if (!Known(kind)) return absl::OkStatus();
  ASSIGN_OR_RETURN(DirectoryBatch batch, DirectoryBatch::Begin(*this, session, site));
  Sweep sweep{session, site, kind, pass, 0, absl::ToUnixMicros(options_.clock->Now())};
  const Value params[] = {std::string(site), std::string(kind), pass};
  RETURN_IF_ERROR(session.Query("SELECT as_of FROM directory_pass WHERE site = :p1 AND kind = :p2 AND pass = :p3",
                                params, [&](const Row& row) {
                                  sweep.as_of = row.Int(0);
                                  return absl::OkStatus();
                                }));
  const Told told{sweep.now_us, sweep.as_of, 0};
  const auto missed = [&](int64_t of_pass, int64_t seq) { return of_pass != pass && seq <= sweep.as_of; };

  if (kind == "users") {
    ASSIGN_OR_RETURN(const Missing missing, MissingOf(sweep, "directory_person", "pass <> -1"));
    RETURN_IF_ERROR(batch.Load(missing.users, {}));
    for (int64_t user : missing.users) {
      PersonFacts& person = batch.Person(user);
      person.AddAccountChange({told.at_us, told.ord, ChangeKind::kDeleted});
      person.first_name.clear();
      person.last_name.clear();
      person.pass = -1;
      person.person_changed = true;
      batch.TouchUser(user);
    }
  } else if (kind == "enrolments") {
    ASSIGN_OR_RETURN(const Missing missing, MissingOf(sweep, "directory_method", "pass <> -1"));
    RETURN_IF_ERROR(batch.Load(missing.users, {}));
    for (int64_t user : missing.users) {
      PersonFacts& person = batch.Person(user);
      for (MethodFacts& method : person.methods) {
        if (method.pass == -1 || !missed(method.pass, method.seq)) continue;
        person.AddMethodChange(method, {told.at_us, told.ord, ChangeKind::kDeleted});
        method.pass = -1;
        person.methods_changed = true;
      }
      batch.TouchUser(user);
    }
  } else if (kind == "role_assignments") {
    ASSIGN_OR_RETURN(const Missing missing, MissingOf(sweep, "directory_role_held", "held = 1"));
    RETURN_IF_ERROR(batch.Load(missing.users, {}));
    for (int64_t user : missing.users) {
      PersonFacts& person = batch.Person(user);
      for (RoleFacts& role : person.roles) {
        if (!role.held || !missed(role.pass, role.told.seq)) continue;
        role.held = false;
        role.told = {told.at_us, told.ord, role.told.seq};
        person.roles_changed = true;
      }
      batch.TouchUser(user);
    }
  } else if (kind == "group_members" || kind == "cohort_members") {
    const int64_t of = kind == "group_members" ? kKindGroup : kKindCohort;
    ASSIGN_OR_RETURN(const Missing missing,
                     MissingOf(sweep, "directory_membership", fmt::format("member = 1 AND kind = {}", of)));
    RETURN_IF_ERROR(batch.Load(missing.users, {}));
    for (int64_t user : missing.users) {
      PersonFacts& person = batch.Person(user);
      for (MembershipFacts& membership : person.memberships) {
        if (membership.kind != of || !membership.member || !missed(membership.pass, membership.told.seq)) continue;
        membership.member = false;
        membership.told = {told.at_us, told.ord, membership.told.seq};
        person.memberships_changed = true;
      }
      batch.TouchUser(user);
    }
  } else if (kind == "courses") {
    ASSIGN_OR_RETURN(const std::set<int64_t> gone, MarkDeleted(sweep, "directory_course", "course", ""));
    RETURN_IF_ERROR(batch.Load({}, gone));
    for (int64_t course : gone) batch.TouchCourse(course);
  } else if (kind == "modules") {
    RETURN_IF_ERROR(MarkDeleted(sweep, "directory_module", "cmid", "").status());
  } else if (kind == "groups" || kind == "cohorts") {
    const int64_t of = kind == "groups" ? kKindGroup : kKindCohort;
    ASSIGN_OR_RETURN(const std::set<int64_t> gone,
                     MarkDeleted(sweep, "directory_group", "target", fmt::format(" AND kind = {}", of)));
    for (int64_t target : gone) batch.TouchSet(of, target);
  }
  RETURN_IF_ERROR(
      session.Execute("DELETE FROM directory_pass WHERE site = :p1 AND kind = :p2 AND pass <= :p3", params).status());
  return batch.Finish();
}

}  // namespace compagnon::moodle
