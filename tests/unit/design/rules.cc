#include "unit/design/rules.h"

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace compagnon::design {
namespace {

const std::set<std::string>& Modules() {
  static const auto& modules = *new std::set<std::string>{"moodle",    "analytics",  "audit",  "scheduling",
                                                          "catalogue", "newsletter", "access", "edge"};
  return modules;
}

// Headers that cost seconds or leak macros: known to .cc files alone.
bool Heavy(absl::string_view header) {
  for (const absl::string_view prefix :
       {"cpprest/", "pplx/", "soci", "amqp", "hiredis/", "CLI/", "toml++/", "curl/", "boost/"}) {
    if (absl::StartsWith(header, prefix)) return true;
  }
  return false;
}

bool EndsInCode(const std::string& path) { return absl::EndsWith(path, ".cc") || absl::EndsWith(path, ".h"); }

class Reader {
 public:
  explicit Reader(const Source& source) : source_(source), parts_(absl::StrSplit(source.path, '/')) {
    if (parts_.size() > 2 && parts_[0] == "services") owner_ = parts_[1];
    if (parts_.size() > 3 && Modules().count(owner_) > 0) layer_ = parts_[2];
  }

  std::vector<std::string> Run() {
    Name();
    const std::vector<std::string> lines = absl::StrSplit(absl::StripSuffix(source_.text, "\n"), '\n');
    if (lines.size() >= 700 && !Data()) Say(0, absl::StrCat("has ", lines.size(), " lines; under 700 is the rule"));
    for (size_t i = 0; i < lines.size(); ++i) Line(static_cast<int>(i) + 1, lines[i]);
    return std::move(found_);
  }

 private:
  void Say(int line, const std::string& text) { found_.push_back(absl::StrCat(source_.path, ":", line, ": ", text)); }

  // Catalogues of texts, recorded samples and schemas are as long as what they hold.
  bool Data() const {
    return absl::EndsWith(source_.path, ".json") || absl::EndsWith(source_.path, ".jsonl") ||
           absl::EndsWith(source_.path, ".csv");
  }

  void Name() {
    static const auto& refused =
        *new std::set<std::string>{"util", "utils", "utilities", "helper", "helpers", "common", "misc"};
    for (const std::string& part : parts_) {
      for (const std::string& word :
           std::vector<std::string>(absl::StrSplit(part.substr(0, part.find('.')), absl::ByAnyChar("_-")))) {
        if (refused.count(word) > 0) Say(0, absl::StrCat("is called \"", part, "\": say what it is about"));
      }
    }
  }

  void Line(int number, absl::string_view line) {
    if (absl::StrContains(source_.path, "/templates/") &&
        (absl::StrContains(line, "{{{") || absl::StrContains(line, "{{&"))) {
      Say(number, "writes a value unescaped");
    }
    if (!EndsInCode(source_.path)) return;
    // Split, so that this file does not offend.
    for (const absl::string_view left : {"TO"
                                         "DO",
                                         "FIX"
                                         "ME",
                                         "XX"
                                         "X:"}) {
      if (absl::StrContains(line, left)) Say(number, absl::StrCat("leaves a ", left));
    }
    if (absl::ConsumePrefix(&line, "#include ")) {
      Include(number, line);
    } else if (layer_ == "domain") {
      for (const absl::string_view clock :
           {"absl::Now(", "SystemClock(", "system_clock", "time(nullptr)", "absl::SleepFor("}) {
        if (absl::StrContains(line, clock))
          Say(number, absl::StrCat("reads the clock (", clock, ") in domain/: time comes in as an argument"));
      }
    }
    if (!owner_.empty() && (absl::StrContains(line, "std::exit(") || absl::StrContains(line, " exit(") ||
                            absl::StrContains(line, "_exit("))) {
      Say(number, "ends the process by itself");
    }
  }

  void Include(int number, absl::string_view what) {
    const bool quoted = absl::ConsumePrefix(&what, "\"");
    if (!quoted && !absl::ConsumePrefix(&what, "<")) return;
    const std::string header(what.substr(0, what.find_first_of("\">")));
    if (absl::EndsWith(header, ".cc")) Say(number, absl::StrCat("includes ", header));
    if (absl::EndsWith(source_.path, ".h") && !owner_.empty() && Heavy(header))
      Say(number, absl::StrCat("includes the heavy ", header, " in a header"));
    const bool proto = absl::EndsWith(header, ".pb.h");
    const std::vector<std::string> of = absl::StrSplit(header, '/');
    // "compagnon/moodle/v1/sites.pb.h" is a proto, "compagnon/serve.h" the program's.
    const std::string theirs = proto || !quoted ? "" : of[0];
    const bool module = Modules().count(theirs) > 0;

    if (owner_ == "platform" && (module || theirs == "compagnon"))
      Say(number, absl::StrCat("platform knows the module ", theirs));
    if (Modules().count(owner_) > 0) {
      if (module && theirs != owner_)
        Say(number, absl::StrCat("includes another module: ", header, "; call its stub or hear it on the bus"));
      if (theirs == "compagnon") Say(number, "a module knows the program");
    }
    // The program may see what a module shows at its top: wire.h and the functions of its verbs.
    if (owner_ == "compagnon" && module && of.size() != 2) Say(number, absl::StrCat("reaches into a module: ", header));
    if (layer_ != "domain") return;
    const bool pure = !quoted ? (of.size() == 1 && !absl::EndsWith(header, ".h"))
                              : absl::StartsWith(header, "absl/") || absl::StartsWith(header, "platform/base/") ||
                                    absl::StartsWith(header, owner_ + "/domain/");
    if (!pure || header == "platform/base/clock.h")
      Say(number, absl::StrCat("domain/ includes ", header, ": only std, absl and platform/base"));
  }

  const Source& source_;
  const std::vector<std::string> parts_;
  std::string owner_;  // "moodle", "platform", "compagnon"; "" outside services
  std::string layer_;  // "domain", "store", "api", "pages" of a module
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> Offences(const Source& source) { return Reader(source).Run(); }

int CodeLines(std::string_view text) {
  int count = 0;
  for (absl::string_view line : absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line[0] == '#' || absl::StartsWith(line, "//") || absl::StartsWith(line, "namespace ") ||
        absl::StartsWith(line, "}  // namespace"))
      continue;
    if (line.find_first_not_of("{}();,") == absl::string_view::npos) continue;
    ++count;
  }
  return count;
}

}  // namespace compagnon::design
