#include "moodle_double/server/recordings.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "moodle_double/simulation/concat.h"

namespace compagnon::moodle_double {

absl::StatusOr<Recordings> Recordings::Load(const std::string& folder) {
  Recordings out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() != ".json") continue;
    std::ifstream in(entry.path());
    const auto recording = nlohmann::ordered_json::parse(in, nullptr, false);
    if (recording.is_discarded() || !recording.contains("response")) {
      return absl::InvalidArgumentError(Concat("not a recording: ", entry.path().filename().string()));
    }
    HttpReply reply;
    reply.status = recording.value("status", 200);
    const auto& response = recording["response"];
    if (recording.contains("headers")) {
      for (const auto& [name, value] : recording["headers"].items()) {
        if (name == "Content-Type") {
          reply.type = value.get<std::string>();
        } else {
          reply.headers.emplace_back(name, value.get<std::string>());
        }
      }
    }
    // A string is the body itself (HTML, XML, nothing) unless the answer was JSON.
    const bool text = response.is_string() && reply.type.find("json") == std::string::npos;
    reply.body = text ? response.get<std::string>() : response.dump();
    out.replies_[entry.path().stem().string()] = std::move(reply);
  }
  if (error) return absl::NotFoundError(Concat("recordings: ", error.message()));
  return out;
}

const HttpReply* Recordings::Find(std::string_view name) const {
  const auto found = replies_.find(name);
  return found == replies_.end() ? nullptr : &found->second;
}

std::vector<std::string> Recordings::Names(std::string_view prefix) const {
  std::vector<std::string> out;
  for (const auto& [name, reply] : replies_) {
    if (name.starts_with(prefix)) out.push_back(name);
  }
  return out;
}

}  // namespace compagnon::moodle_double
