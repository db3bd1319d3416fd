#include "moodle_double/simulate_verb.h"

#include <openssl/evp.h>
#include <zlib.h>

#include <cstdio>
#include <memory>

#include "moodle_double/simulation/concat.h"
#include "moodle_double/simulation/log_files.h"
#include "platform/base/ids.h"
#include "platform/base/status.h"

namespace compagnon::moodle_double {
namespace {

constexpr int64_t kUsualNow = 1'780'272'000;  // 2026-06-01 00:00 UTC

absl::Status Failed(std::string_view what, const std::string& path) {
  return absl::UnavailableError(Concat(what, " ", path));
}

// A file, plain or gzip, that appears under its name only when it is complete.
class LineFile {
 public:
  explicit LineFile(std::string path)
      : path_(std::move(path)), part_(path_ + ".part"), digest_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    EVP_DigestInit_ex(digest_.get(), EVP_sha256(), nullptr);
    if (path_.ends_with(".gz")) {
      gzip_ = gzopen(part_.c_str(), "wb6");
    } else {
      plain_ = std::fopen(part_.c_str(), "wb");
    }
  }
  ~LineFile() {
    if (gzip_ != nullptr) gzclose(gzip_);
    if (plain_ != nullptr) std::fclose(plain_);
  }
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  bool open() const { return gzip_ != nullptr || plain_ != nullptr; }
  void Write(std::string_view text) {
    EVP_DigestUpdate(digest_.get(), text.data(), text.size());
    if (gzip_ != nullptr) {
      good_ &= gzwrite(gzip_, text.data(), static_cast<unsigned>(text.size())) == static_cast<int>(text.size());
    } else if (plain_ != nullptr) {
      good_ &= std::fwrite(text.data(), 1, text.size(), plain_) == text.size();
    }
  }
  absl::Status Finish(std::string* sha256) {
    unsigned char bytes[32];
    EVP_DigestFinal_ex(digest_.get(), bytes, nullptr);
    if (sha256 != nullptr) *sha256 = HexEncode(std::string_view(reinterpret_cast<char*>(bytes), sizeof bytes));
    if (gzip_ != nullptr) good_ &= gzclose(gzip_) == Z_OK;
    if (plain_ != nullptr) good_ &= std::fclose(plain_) == 0;
    gzip_ = nullptr;
    plain_ = nullptr;
    if (!good_) return Failed("could not write", part_);
    if (std::rename(part_.c_str(), path_.c_str()) != 0) return Failed("could not rename to", path_);
    return absl::OkStatus();
  }

 private:
  const std::string path_, part_;
  gzFile gzip_ = nullptr;
  std::FILE* plain_ = nullptr;
  bool good_ = true;
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest_;
};

class FileSink : public EventSink {
 public:
  FileSink(LineFile* file, bool bridge_rows, bool progress)
      : file_(file), bridge_rows_(bridge_rows), progress_(progress) {}

  void OnEvent(const Event& event) override {
    ++result_.events;
    const int64_t at = event.occurred_us / 1'000'000;
    if (result_.first_occurred == 0 || at < result_.first_occurred) result_.first_occurred = at;
    result_.last_occurred = std::max(result_.last_occurred, at);
    if (bridge_rows_) {
      content_.clear();
      AppendBridgeRow(event, &content_);
      buffer_.append(Concat("{\"seq\":", result_.events, ",\"hash\":\"", HexEncode(Sha256(content_)), "\","));
      buffer_.append(content_, 1);
      buffer_.push_back('\n');
    } else {
      AppendLogRow(event, result_.events, &buffer_);
    }
    if (buffer_.size() > (1u << 20)) Flush();
    if (progress_ && result_.events % 1'000'000 == 0)
      std::fprintf(stderr, "%lld million events\n", static_cast<long long>(result_.events / 1'000'000));
  }
  void Flush() {
    file_->Write(buffer_);
    buffer_.clear();
  }
  const SimulateResult& result() const { return result_; }

 private:
  LineFile* const file_;
  const bool bridge_rows_, progress_;
  std::string buffer_, content_;
  SimulateResult result_;
};

absl::Status WriteFile(const std::string& path, const std::string& text) {
  LineFile file(path);
  if (!file.open()) return Failed("could not open", path);
  file.Write(text);
  return file.Finish(nullptr);
}

absl::Status WriteFiles(const World& world, const std::string& dir) {
  for (const char* name : {"people.csv", "courses.csv", "assessments.csv"})
    RETURN_IF_ERROR(WriteFile(dir + "/" + name, FileBesideLog(world, name)));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SimulateResult> Simulate(const SimulateOptions& options) {
  SiteParameters site = options.site;
  if (site.now == 0) site.now = kUsualNow;
  if (site.learners < 1 || site.weeks < 1)
    return absl::InvalidArgumentError("a site needs at least one learner and one week");
  LineFile file(options.out);
  if (!file.open()) return Failed("could not open", options.out);
  FileSink sink(&file, options.bridge_rows, options.progress);
  SiteSimulation simulation(site, &sink);
  simulation.AdvanceTo(site.now * 1'000'000);
  sink.Flush();
  SimulateResult result = sink.result();
  RETURN_IF_ERROR(file.Finish(&result.sha256));
  if (!options.files_dir.empty()) RETURN_IF_ERROR(WriteFiles(simulation.world(), options.files_dir));
  return result;
}

}  // namespace compagnon::moodle_double
