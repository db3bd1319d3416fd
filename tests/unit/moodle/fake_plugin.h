#ifndef COMPAGNON_TESTS_UNIT_MOODLE_FAKE_PLUGIN_H_
#define COMPAGNON_TESTS_UNIT_MOODLE_FAKE_PLUGIN_H_

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "moodle/api/ws_client.h"
#include "unit/moodle/bridge_row_text.h"

namespace compagnon::moodle::test {

// local_compagnon behind a WsClient, without HTTP: an outbox of rows, an epoch, a fingerprint, and faults on demand.
class FakePlugin final : public WsClient {
 public:
  std::string epoch = "e1";
  std::string fingerprint = kFingerprint;
  std::vector<std::string> lines;  // line of seq i+1; "" = a seq that is not served
  int64_t unnumbered = 0;
  int64_t acked = 0;
  int pulls = 0, acks = 0, exports = 0;
  std::vector<int64_t> limits;                                  // rows asked for by each pull
  std::function<void()> while_calling = [] {};                  // what happens during each call
  std::vector<WsFault> faults;                                  // the next calls fail with these, first one first
  std::map<std::string, WsFault> export_faults;                 // kind -> what its export answers instead of rows
  std::map<std::string, std::vector<std::string>> export_rows;  // kind -> states, ids ascending
  std::vector<std::string> exported;                            // "kind after_id courseid", in the order of calls

  void Add(const nlohmann::ordered_json& row) { lines.push_back(row.dump()); }
  void AddViews(int n) {
    for (int i = 0; i < n; ++i) Add(Row(static_cast<int64_t>(lines.size()) + 1));
  }

  absl::StatusOr<std::string> Read(std::string_view function, const nlohmann::json& params) override {
    while_calling();
    if (!faults.empty()) {
      const WsFault fault = faults.front();
      faults.erase(faults.begin());
      return FaultStatus(fault, "");
    }
    const auto reset = [] { return FaultStatus({FaultCategory::kOperator, "cursorreset", {}}, ""); };
    if (function == "local_compagnon_pull_events") {
      ++pulls;
      const std::string asked = params["epoch"];
      const int64_t after = params["after"], limit = params["limit"], latest = static_cast<int64_t>(lines.size());
      limits.push_back(limit);
      if ((!asked.empty() && asked != epoch) || after > latest) return reset();
      std::string text;
      for (int64_t seq = after + 1; seq <= std::min(latest, after + limit); ++seq) {
        if (!lines[seq - 1].empty()) text += lines[seq - 1] + "\n";
      }
      auto answer = nlohmann::json::parse(PullAnswer("", after + 1, latest, epoch));
      answer["fingerprint"] = fingerprint;
      answer["unnumbered"] = unnumbered;
      answer["events"] = text;
      return answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }
    if (function == "local_compagnon_ack") {
      ++acks;
      acked = std::max<int64_t>(acked, params["upto"]);
      return nlohmann::json{{"epoch", epoch}, {"upto", acked}, {"lowest", acked}}.dump();
    }
    if (function == "local_compagnon_export") {
      ++exports;
      const std::string kind = params["kind"];
      if (const auto refused = export_faults.find(kind); refused != export_faults.end())
        return FaultStatus(refused->second, "");
      const int64_t after = params["after_id"], limit = params["limit"];
      exported.push_back(kind + " " + std::to_string(after) + " " + std::to_string(params.value("courseid", 0)));
      const auto found = export_rows.find(kind);
      std::string rows;
      int64_t next = after, taken = 0;
      bool done = true;
      if (found != export_rows.end()) {
        for (size_t i = 0; i < found->second.size(); ++i) {
          const int64_t id = static_cast<int64_t>(i) + 1;
          if (id <= after) continue;
          if (taken == limit) {
            done = false;
            break;
          }
          rows += "{\"id\":" + std::to_string(id) + ",\"state\":" + found->second[i] + "}\n";
          next = id;
          ++taken;
        }
      }
      return nlohmann::json{{"protocol", 1}, {"site", "s"},           {"epoch", epoch}, {"fingerprint", fingerprint},
                            {"kind", kind},  {"as_of", lines.size()}, {"next", next},   {"done", done ? 1 : 0},
                            {"total", 0},    {"rows", rows}}
          .dump();
    }
    return FaultStatus({FaultCategory::kOperator, "missingfunction", {}}, "");
  }
  absl::StatusOr<std::string> Write(std::string_view function, const nlohmann::json& params) override {
    return Read(function, params);
  }
  void Cancel() override {}
  std::string_view BreakerState() const override { return "closed"; }
};

}  // namespace compagnon::moodle::test

#endif  // COMPAGNON_TESTS_UNIT_MOODLE_FAKE_PLUGIN_H_
