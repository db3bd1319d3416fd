#include "moodle/store/directory_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace compagnon::moodle {
namespace {

using store::Row;
using store::Session;
using store::Value;
using Rows = std::vector<std::vector<Value>>;

Value Text(std::string_view text) { return std::string(text); }
Value Int(int64_t number) { return number; }

// Replaces the rows of some owners in one table: one delete, one bulk insert. Cheaper and simpler than telling new rows
// from changed ones, and the same on both back ends.
absl::Status Replace(Session& session, std::string_view site, std::string_view table, std::string_view owner_column,
                     const std::set<int64_t>& owners, absl::Span<const std::string_view> columns, const Rows& rows) {
  if (owners.empty()) return absl::OkStatus();
  const Value params[] = {Text(site)};
  auto deleted = session.Execute(
      fmt::format("DELETE FROM {} WHERE site = :p1 AND {} IN ({})", table, owner_column, NumberList(owners)), params);
  if (!deleted.ok()) return deleted.status();
  if (rows.empty()) return absl::OkStatus();
  return session.BulkInsert(table, columns, rows);
}

absl::StatusOr<std::set<int64_t>> Numbers(Session& session, std::string_view site, const std::string& sql) {
  std::set<int64_t> numbers;
  const Value params[] = {Text(site)};
  RETURN_IF_ERROR(session.Query(sql, params, [&](const Row& row) {
    numbers.insert(row.Int(0));
    return absl::OkStatus();
  }));
  return numbers;
}

}  // namespace

std::string NumberList(const std::set<int64_t>& numbers) {
  std::string list;
  list.reserve(numbers.size() * 8);
  for (int64_t number : numbers) {
    if (!list.empty()) list += ',';
    fmt::format_to(std::back_inserter(list), "{}", number);
  }
  return list.empty() ? "NULL" : list;
}

const Change* PersonFacts::LastAccountChange() const {
  const auto last = std::max_element(account.begin(), account.end(), [](const Change& a, const Change& b) {
    return std::tie(a.at_us, a.order, a.kind) < std::tie(b.at_us, b.order, b.kind);
  });
  return last == account.end() ? nullptr : &*last;
}

MethodFacts* PersonFacts::FindMethod(int64_t course, int64_t row_id) {
  for (MethodFacts& method : methods) {
    if (method.course == course && method.row_id == row_id) return &method;
  }
  return nullptr;
}

bool PersonFacts::AddAccountChange(const Change& change) {
  if (std::find(account.begin(), account.end(), change) != account.end()) return false;
  account.push_back(change);
  account_changed = true;
  return true;
}

bool PersonFacts::AddMethodChange(MethodFacts& method, const Change& change) {
  if (std::find(method.row.changes.begin(), method.row.changes.end(), change) != method.row.changes.end()) return false;
  method.row.changes.push_back(change);
  methods_changed = true;
  return true;
}

RoleFacts* PersonFacts::FindRole(int64_t course, int64_t role) {
  for (RoleFacts& held : roles) {
    if (held.course == course && held.role == role) return &held;
  }
  return nullptr;
}

MembershipFacts* PersonFacts::FindMembership(int64_t kind, int64_t target) {
  for (MembershipFacts& membership : memberships) {
    if (membership.kind == kind && membership.target == target) return &membership;
  }
  return nullptr;
}

std::string PersonFacts::ValueAt(std::string_view field, int64_t at_us) const {
  auto history = values.find(field);
  if (history == values.end()) return "";
  std::string value;
  for (const auto& [since, text] : history->second) {
    if (since > at_us && !value.empty()) break;
    if (!text.empty() || since <= at_us) value = text;
  }
  return value;
}

void PersonFacts::SetValue(const std::string& field, int64_t since_us, const std::string& text) {
  auto& history = values[field];
  if (history.empty()) {
    if (text.empty()) {
      values.erase(field);
      return;
    }
    history.emplace(0, text);
    values_changed = true;
    return;
  }
  auto later = history.upper_bound(since_us);
  auto& before = *std::prev(later == history.begin() ? std::next(later) : later);
  if (before.second == text) return;
  history[since_us] = text;
  values_changed = true;
}

absl::StatusOr<People> LoadPeople(Session& session, std::string_view site, const std::set<int64_t>& users) {
  People people;
  if (users.empty()) return people;
  for (int64_t user : users) people[user].user = user;
  const std::string list = NumberList(users);
  const Value params[] = {Text(site)};
  const auto each = [&](std::string_view columns, std::string_view table,
                        absl::FunctionRef<void(const Row&, PersonFacts&)> take) {
    return session.Query(
        fmt::format("SELECT user_id, {} FROM {} WHERE site = :p1 AND user_id IN ({})", columns, table, list), params,
        [&](const Row& row) {
          take(row, people[row.Int(0)]);
          return absl::OkStatus();
        });
  };
  RETURN_IF_ERROR(
      each("first_name, last_name, created_us, seq, pass", "directory_person", [](const Row& row, PersonFacts& person) {
        person.first_name = row.Text(1);
        person.last_name = row.Text(2);
        person.created_us = row.Int(3);
        person.seq = row.Int(4);
        person.pass = row.Int(5);
      }));
  RETURN_IF_ERROR(each("at_us, ord, kind", "directory_account_change", [](const Row& row, PersonFacts& person) {
    person.account.push_back({row.Int(1), row.Int(2), static_cast<ChangeKind>(row.Int(3))});
  }));
  RETURN_IF_ERROR(each("field, since_us, value", "directory_person_value", [](const Row& row, PersonFacts& person) {
    person.values[row.Text(1)][row.Int(2)] = row.Text(3);
  }));
  RETURN_IF_ERROR(each("course, row_id, time_start_us, time_end_us, live, seq, pass", "directory_method",
                       [](const Row& row, PersonFacts& person) {
                         MethodFacts method;
                         method.course = row.Int(1);
                         method.row_id = row.Int(2);
                         method.row.time_start_us = row.Int(3);
                         method.row.time_end_us = row.Int(4);
                         method.live = row.Int(5) != 0;
                         method.seq = row.Int(6);
                         method.pass = row.Int(7);
                         person.methods.push_back(std::move(method));
                       }));
  RETURN_IF_ERROR(
      each("course, row_id, at_us, ord, kind", "directory_method_change", [](const Row& row, PersonFacts& person) {
        if (MethodFacts* method = person.FindMethod(row.Int(1), row.Int(2))) {
          method->row.changes.push_back({row.Int(3), row.Int(4), static_cast<ChangeKind>(row.Int(5))});
        }
      }));
  RETURN_IF_ERROR(
      each("course, role, held, at_us, ord, seq, pass", "directory_role_held", [](const Row& row, PersonFacts& person) {
        person.roles.push_back(
            {row.Int(1), row.Int(2), row.Int(3) != 0, {row.Int(4), row.Int(5), row.Int(6)}, row.Int(7)});
      }));
  RETURN_IF_ERROR(each(
      "kind, target, course, member, at_us, ord, seq, pass", "directory_membership",
      [](const Row& row, PersonFacts& person) {
        person.memberships.push_back(
            {row.Int(1), row.Int(2), row.Int(3), row.Int(4) != 0, {row.Int(5), row.Int(6), row.Int(7)}, row.Int(8)});
      }));
  RETURN_IF_ERROR(
      each("course, person, cohort, cohort_title, learner, tutor, intervals, sex, age_band, country, area, anomalies",
           "directory_enrolment", [](const Row& row, PersonFacts& person) {
             EnrolmentFacts& e = person.published[row.Int(1)];
             e.person = row.Int(2);
             e.cohort = {row.Text(3), row.Text(4)};
             e.learner = row.Int(5) != 0;
             e.tutor = row.Int(6) != 0;
             e.intervals = row.Text(7);
             e.values = {row.Text(8), row.Text(9), row.Text(10), row.Text(11)};
             e.anomalies = row.Int(12);
           }));
  return people;
}

absl::Status SavePeople(Session& session, std::string_view site, const People& people) {
  std::set<int64_t> person_owners, account_owners, value_owners, method_owners, role_owners, membership_owners,
      published_owners;
  Rows persons, accounts, values, methods, changes, roles, memberships, published;
  const Value s = Text(site);
  for (const auto& [user, person] : people) {
    const Value u = Int(user);
    if (person.person_changed) {
      person_owners.insert(user);
      persons.push_back(
          {s, u, person.first_name, person.last_name, Int(person.created_us), Int(person.seq), Int(person.pass)});
    }
    if (person.account_changed) {
      account_owners.insert(user);
      for (const Change& change : person.account) {
        accounts.push_back({s, u, Int(change.at_us), Int(change.order), Int(static_cast<int>(change.kind))});
      }
    }
    if (person.values_changed) {
      value_owners.insert(user);
      for (const auto& [field, history] : person.values) {
        for (const auto& [since, text] : history) values.push_back({s, u, field, Int(since), text});
      }
    }
    if (person.methods_changed) {
      method_owners.insert(user);
      for (const MethodFacts& method : person.methods) {
        methods.push_back({s, u, Int(method.course), Int(method.row_id), Int(method.row.time_start_us),
                           Int(method.row.time_end_us), Int(method.live ? 1 : 0), Int(method.seq), Int(method.pass)});
        for (const Change& change : method.row.changes) {
          changes.push_back({s, u, Int(method.course), Int(method.row_id), Int(change.at_us), Int(change.order),
                             Int(static_cast<int>(change.kind))});
        }
      }
    }
    if (person.roles_changed) {
      role_owners.insert(user);
      for (const RoleFacts& role : person.roles) {
        roles.push_back({s, u, Int(role.course), Int(role.role), Int(role.held ? 1 : 0), Int(role.told.at_us),
                         Int(role.told.ord), Int(role.told.seq), Int(role.pass)});
      }
    }
    if (person.memberships_changed) {
      membership_owners.insert(user);
      for (const MembershipFacts& m : person.memberships) {
        memberships.push_back({s, u, Int(m.kind), Int(m.target), Int(m.course), Int(m.member ? 1 : 0),
                               Int(m.told.at_us), Int(m.told.ord), Int(m.told.seq), Int(m.pass)});
      }
    }
    if (person.published_changed) {
      published_owners.insert(user);
      for (const auto& [course, e] : person.published) {
        published.push_back({s, Int(course), u, Int(e.person), e.cohort.code, e.cohort.title, Int(e.learner ? 1 : 0),
                             Int(e.tutor ? 1 : 0), e.intervals, e.values.sex, e.values.age_band, e.values.country,
                             e.values.area, Int(e.anomalies)});
      }
    }
  }
  RETURN_IF_ERROR(Replace(session, site, "directory_person", "user_id", person_owners,
                          {"site", "user_id", "first_name", "last_name", "created_us", "seq", "pass"}, persons));
  RETURN_IF_ERROR(Replace(session, site, "directory_account_change", "user_id", account_owners,
                          {"site", "user_id", "at_us", "ord", "kind"}, accounts));
  RETURN_IF_ERROR(Replace(session, site, "directory_person_value", "user_id", value_owners,
                          {"site", "user_id", "field", "since_us", "value"}, values));
  RETURN_IF_ERROR(
      Replace(session, site, "directory_method", "user_id", method_owners,
              {"site", "user_id", "course", "row_id", "time_start_us", "time_end_us", "live", "seq", "pass"}, methods));
  RETURN_IF_ERROR(Replace(session, site, "directory_method_change", "user_id", method_owners,
                          {"site", "user_id", "course", "row_id", "at_us", "ord", "kind"}, changes));
  RETURN_IF_ERROR(Replace(session, site, "directory_role_held", "user_id", role_owners,
                          {"site", "user_id", "course", "role", "held", "at_us", "ord", "seq", "pass"}, roles));
  RETURN_IF_ERROR(Replace(session, site, "directory_membership", "user_id", membership_owners,
                          {"site", "user_id", "kind", "target", "course", "member", "at_us", "ord", "seq", "pass"},
                          memberships));
  return Replace(session, site, "directory_enrolment", "user_id", published_owners,
                 {"site", "course", "user_id", "person", "cohort", "cohort_title", "learner", "tutor", "intervals",
                  "sex", "age_band", "country", "area", "anomalies"},
                 published);
}

absl::StatusOr<Courses> LoadCourses(Session& session, std::string_view site, const std::set<int64_t>& courses) {
  Courses result;
  if (courses.empty()) return result;
  for (int64_t course : courses) result[course].course = course;
  const std::string list = NumberList(courses);
  const Value params[] = {Text(site)};
  RETURN_IF_ERROR(session.Query(
      fmt::format(
          "SELECT course, short_name, full_name, start_day, end_day, category, visible, deleted, seq, pass, published "
          "FROM directory_course WHERE site = :p1 AND course IN ({})",
          list),
      params, [&](const Row& row) {
        CourseFacts& course = result[row.Int(0)];
        course.short_name = row.Text(1);
        course.full_name = row.Text(2);
        if (!row.IsNull(3)) course.start_day = static_cast<int32_t>(row.Int(3));
        if (!row.IsNull(4)) course.end_day = static_cast<int32_t>(row.Int(4));
        course.category = row.Int(5);
        course.visible = row.Int(6) != 0;
        course.deleted = row.Int(7) != 0;
        course.seq = row.Int(8);
        course.pass = row.Int(9);
        course.published = row.Text(10);
        course.known = true;
        return absl::OkStatus();
      }));
  RETURN_IF_ERROR(session.Query(
      fmt::format("SELECT course, field, value FROM directory_course_value WHERE site = :p1 AND course IN ({})", list),
      params, [&](const Row& row) {
        result[row.Int(0)].values[row.Text(1)] = row.Text(2);
        return absl::OkStatus();
      }));
  return result;
}

absl::Status LoadCategoryPaths(Session& session, std::string_view site, Courses& result) {
  const Value params[] = {Text(site)};

  struct Category {
    std::string name;
    int64_t parent = 0;
  };
  std::map<int64_t, Category> categories;
  RETURN_IF_ERROR(session.Query("SELECT category, name, parent FROM directory_category WHERE site = :p1", params,
                                [&](const Row& row) {
                                  categories[row.Int(0)] = {row.Text(1), row.Int(2)};
                                  return absl::OkStatus();
                                }));
  for (auto& [id, course] : result) {
    // A parent that leads back to itself ends the climb.
    int64_t at = course.category;
    course.categories.clear();
    for (int depth = 0; depth < 32; ++depth) {
      auto found = categories.find(at);
      if (found == categories.end()) break;
      course.categories.insert(course.categories.begin(), {at, found->second.name, ""});
      at = found->second.parent;
    }
  }
  return absl::OkStatus();
}

absl::Status SaveCourses(Session& session, std::string_view site, const Courses& courses) {
  std::set<int64_t> owners, value_owners;
  Rows rows, values;
  const Value s = Text(site);
  const auto day = [](const std::optional<int32_t>& day) -> Value { return day ? Value(int64_t{*day}) : Value(); };
  for (const auto& [id, course] : courses) {
    if (course.changed) {
      owners.insert(id);
      rows.push_back({s, Int(id), course.short_name, course.full_name, day(course.start_day), day(course.end_day),
                      Int(course.category), Int(course.visible ? 1 : 0), Int(course.deleted ? 1 : 0), Int(course.seq),
                      Int(course.pass), course.published});
    }
    if (course.values_changed) {
      value_owners.insert(id);
      for (const auto& [field, value] : course.values) values.push_back({s, Int(id), field, value});
    }
  }
  RETURN_IF_ERROR(Replace(session, site, "directory_course", "course", owners,
                          {"site", "course", "short_name", "full_name", "start_day", "end_day", "category", "visible",
                           "deleted", "seq", "pass", "published"},
                          rows));
  return Replace(session, site, "directory_course_value", "course", value_owners, {"site", "course", "field", "value"},
                 values);
}

absl::StatusOr<SetNames> LoadSetNames(Session& session, std::string_view site, const People& people) {
  SetNames names;
  for (int64_t kind : {kKindGroup, kKindCohort}) {
    std::set<int64_t> targets;
    for (const auto& [user, person] : people) {
      for (const MembershipFacts& m : person.memberships) {
        if (m.kind == kind && m.member) targets.insert(m.target);
      }
    }
    if (targets.empty()) continue;
    const Value params[] = {Text(site), Int(kind)};
    RETURN_IF_ERROR(session.Query(fmt::format("SELECT target, name, idnumber FROM directory_group WHERE site = :p1 AND "
                                              "kind = :p2 AND deleted = 0 AND target IN ({})",
                                              NumberList(targets)),
                                  params, [&](const Row& row) {
                                    names[{kind, row.Int(0)}] = {row.Int(0), row.Text(1), row.Text(2)};
                                    return absl::OkStatus();
                                  }));
  }
  return names;
}

absl::StatusOr<std::set<int64_t>> UsersOfCourses(Session& session, std::string_view site,
                                                 const std::set<int64_t>& courses) {
  return Numbers(session, site,
                 fmt::format("SELECT DISTINCT user_id FROM directory_method WHERE site = :p1 AND course IN ({})",
                             NumberList(courses)));
}

absl::StatusOr<std::set<int64_t>> UsersOfSets(Session& session, std::string_view site, int64_t kind,
                                              const std::set<int64_t>& targets) {
  return Numbers(
      session, site,
      fmt::format("SELECT DISTINCT user_id FROM directory_membership WHERE site = :p1 AND kind = {} AND target IN ({})",
                  kind, NumberList(targets)));
}

absl::StatusOr<std::set<int64_t>> UsersOfSite(Session& session, std::string_view site) {
  return Numbers(session, site, "SELECT DISTINCT user_id FROM directory_method WHERE site = :p1");
}

}  // namespace compagnon::moodle
