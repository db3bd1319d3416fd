#ifndef COMPAGNON_TESTS_UNIT_MOODLE_MOODLE_STORE_FIXTURE_H_
#define COMPAGNON_TESTS_UNIT_MOODLE_MOODLE_STORE_FIXTURE_H_

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "backends/store_backend.h"
#include "compagnon/event/v1/slim.pb.h"
#include "moodle/cli.h"
#include "moodle/domain/moodle_event.h"
#include "moodle/store/directory.h"
#include "moodle/store/migrations.h"
#include "moodle/store/site_store.h"

namespace compagnon::moodle {

inline void Fine(const absl::Status& status) {
  INFO(status.ToString());
  REQUIRE(status.ok());
}

// moodle's tables in a database of the test's own, with one site "sn1" in Africa/Dakar unless told otherwise.
class MoodleStore {
 public:
  explicit MoodleStore(compagnon::test::StoreBackend& backend, const std::string& zone = "Africa/Dakar")
      : backend_(backend) {
    Fine(MigrateMoodle(database()));
    if (!zone.empty()) AddSite("sn1", zone);
  }

  store::Database& database() { return backend_.database(); }

  void AddSite(const std::string& code, const std::string& zone) {
    Write([&](store::Session& session) {
      SiteConfig site;
      site.code = site.title = code;
      site.time_zone = zone;
      return PutSite(session, site, 1);
    });
  }

  void Write(absl::FunctionRef<absl::Status(store::Session&)> f) { Fine(database().Write(f)); }

  // Everything in the outbox, in order.
  std::vector<event::v1::SlimEvent> Published() {
    std::vector<event::v1::SlimEvent> events;
    Fine(database().Read([&](store::Session& session) {
      events.clear();
      return session.Query("SELECT data FROM outbox ORDER BY id", {}, [&](const store::Row& row) {
        event::v1::SlimEvent& event = events.emplace_back();
        return event.ParseFromString(row.BytesAt(0)) ? absl::OkStatus() : absl::DataLossError("no SlimEvent");
      });
    }));
    return events;
  }

  // Last state of each e, by (Moodle user, course).
  std::map<std::pair<int64_t, int64_t>, event::v1::EnrolmentState> States(const std::string& site = "sn1") {
    std::map<int64_t, int64_t> user_of;
    Fine(database().Read([&](store::Session& session) {
      const store::Value params[] = {site};
      return session.Query("SELECT pseudonym, moodle_user FROM person_key WHERE site = :p1", params,
                           [&](const store::Row& row) {
                             user_of[row.Int(0)] = row.Int(1);
                             return absl::OkStatus();
                           });
    }));
    std::map<std::pair<int64_t, int64_t>, event::v1::EnrolmentState> states;
    for (const event::v1::SlimEvent& event : Published()) {
      if (event.has_enrolment() && event.site() == site)
        states[{user_of.at(event.enrolment().person()), event.enrolment().course()}] = event.enrolment();
    }
    return states;
  }

  // Rows of a query's first column, as numbers.
  int64_t Number(const std::string& sql) {
    int64_t number = 0;
    Fine(database().Read([&](store::Session& session) {
      return session.Query(sql, {}, [&](const store::Row& row) {
        number = row.Int(0);
        return absl::OkStatus();
      });
    }));
    return number;
  }

 private:
  compagnon::test::StoreBackend& backend_;
};

// A folder of the test's own.
class Folder {
 public:
  Folder() {
    static std::atomic<int> count = 0;
    path_ =
        std::filesystem::path(".run/tests") / ("files-" + std::to_string(::getpid()) + "-" + std::to_string(++count));
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
    return (path_ / name).string();
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

inline std::filesystem::path SharedFolder() {
  const char* given = std::getenv("COMPAGNON_SHARED");
  return given != nullptr ? given : "../shared";
}

}  // namespace compagnon::moodle

#endif  // COMPAGNON_TESTS_UNIT_MOODLE_MOODLE_STORE_FIXTURE_H_
