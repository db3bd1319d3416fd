#include "rules.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace compagnon::proto_check {
namespace {

using google::protobuf::FileDescriptorSet;

// What protoc makes of a file of the package compagnon.trial.v1; its first line is line 2.
FileDescriptorSet Set(const std::string& text) {
  std::filesystem::create_directories(".run/unit");
  std::string folder = ".run/unit/proto.XXXXXX";
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  std::ofstream(folder + "/trial.proto")
      << "syntax = \"proto3\"; package compagnon.trial.v1; import \"compagnon/access/v1/rights.proto\";\n"
      << text;
  const std::string command = "protoc --include_imports --include_source_info -I proto -I " + folder + " -o " + folder +
                              "/set trial.proto 2>" + folder + "/errors";
  const int status = std::system(command.c_str());
  FileDescriptorSet set;
  std::ifstream in(folder + "/set", std::ios::binary);
  const bool read = status == 0 && set.ParseFromIstream(&in);
  std::filesystem::remove_all(folder);
  INFO(text);
  REQUIRE(read);
  return set;
}

// The one rpc Get of a service, with what its right says.
std::string Get(const std::string& right) {
  return "// A service.\nservice S {\n  // Gets.\n  rpc Get(Q) returns (A)" +
         (right.empty() ? ";" : " { option (compagnon.access.v1.right) = {" + right + "}; }") +
         "\n}\n// Asks.\nmessage Q {\n  // Name.\n  string name = 1;\n}\n// Answers.\nmessage A {}\n";
}

TEST_CASE("a proto that follows every rule has nothing wrong") {
  CHECK(CheckRules(Set(Get("permission: \"trial.things.read\" scope_field: \"name\""))).empty());
}

TEST_CASE("a field may share the comment of the line above and no other") {
  const auto found =
      CheckRules(Set("// M.\nmessage M {\n  // Both names.\n  string a = 1;\n  string b = 2;\n\n  string c = 3;\n}\n"));
  REQUIRE(found.size() == 1);
  CHECK(found[0] == "trial.proto:8: compagnon.trial.v1.M.c has no comment");
}

TEST_CASE("an rpc without a right or with a crooked one is told") {
  const auto told = [](const std::string& right, const std::string& what) {
    const auto found = CheckRules(Set(Get(right)));
    return found.size() == 1 && found[0].find(what) != std::string::npos;
  };
  CHECK(told("", "declares no right"));
  CHECK(told("scope_field: \"name\"", "by nobody"));
  CHECK(told("permission: \"trial.things.see\"", "no <module>.<resource>.<action>"));
  CHECK(told("permission: \"moodle.things.read\"", "another module"));
  CHECK(told("permission: \"trial.things.read\" scope_field: \"parent\"", "no single string"));
  CHECK(told("permission: \"trial.things.read\" scope_field: \"name\" lists_by_scope: true", "lists by scope"));
  CHECK(told("permission: \"trial.things.delete\" scope_field: \"name\"", "request_id"));
}

TEST_CASE("a list that does not page is told") {
  const auto found = CheckRules(Set(
      "// S.\nservice S {\n  // Lists.\n  rpc ListThings(Q) returns (A) { option (compagnon.access.v1.right) = "
      "{permission: \"trial.things.read\" lists_by_scope: true}; }\n}\n// Q.\nmessage Q {}\n// A.\nmessage A {}\n"));
  CHECK(found.size() == 3);
}

TEST_CASE("an enum begins at UNSPECIFIED and carries its name") {
  const auto found = CheckRules(Set("// E.\nenum LinkState { OK = 0; LINK_STATE_BAD = 1; }\n"));
  CHECK(found.size() == 2);
  CHECK(CheckRules(Set("// E.\nenum LinkState { LINK_STATE_UNSPECIFIED = 0; LINK_STATE_BAD = 1; }\n")).empty());
}

TEST_CASE("what would break a caller of the last release is refused") {
  const std::string before =
      "message M { string a = 1; int64 b = 2; optional string c = 3; } enum E { E_UNSPECIFIED = 0; E_ONE = 1; }";
  auto broken = [&](const std::string& after) { return CheckCompatible(Set(before), Set(after)).size(); };
  CHECK(broken(before) == 0);
  CHECK(broken("message M { string a = 1; int64 b = 2; optional string c = 3; string d = 4; } enum E { E_UNSPECIFIED = "
               "0; E_ONE = 1; E_TWO = 2; }") == 0);
  CHECK(broken("message M { string a = 1; int64 b = 2; reserved 3; reserved \"c\"; } enum E { E_UNSPECIFIED = 0; E_ONE "
               "= 1; }") == 0);
  CHECK(broken("message M { string a = 1; int64 b = 2; } enum E { E_UNSPECIFIED = 0; E_ONE = 1; }") == 1);
  CHECK(
      broken(
          "message M { string a = 1; int32 b = 2; optional string c = 3; } enum E { E_UNSPECIFIED = 0; E_ONE = 1; }") ==
      1);
  CHECK(broken("message M { repeated string a = 1; int64 b = 2; optional string c = 3; } enum E { E_UNSPECIFIED = 0; "
               "E_ONE = 1; }") == 1);
  CHECK(
      broken(
          "message M { string z = 1; int64 b = 2; optional string c = 3; } enum E { E_UNSPECIFIED = 0; E_ONE = 1; }") ==
      1);
  CHECK(
      broken(
          "message M { string a = 1; int64 b = 2; optional string c = 3; } enum E { E_UNSPECIFIED = 0; E_UN = 1; }") ==
      1);
  CHECK(broken("enum E { E_UNSPECIFIED = 0; E_ONE = 1; }") == 1);
  CHECK(CheckCompatible(Set(Get("")), Set("message Q { string name = 1; } message A {}")).size() == 1);
}

}  // namespace
}  // namespace compagnon::proto_check
