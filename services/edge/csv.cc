#include "edge/csv.h"

#include <cctype>

#include "edge/http/ascii_text.h"

namespace compagnon::edge {
namespace {

// An optional sign, digits, and at most one '.' or ',' among them.
bool IsPlainNumber(std::string_view text) {
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  bool digits = false, point = false;
  for (const unsigned char c : text) {
    if (std::isdigit(c)) {
      digits = true;
    } else if ((c == '.' || c == ',') && !point && digits) {
      point = true;
    } else {
      return false;
    }
  }
  return digits;
}

}  // namespace

std::string CsvNeutraliser::Take(std::string_view piece) {
  std::string out;
  if (!started_) out = "\xef\xbb\xbf";
  started_ = true;
  for (const char c : piece) {
    if (quoted_) {
      field_.push_back(c);
      // A doubled quote closes and opens again: between the two nothing happens.
      if (c == '"') quoted_ = false;
      continue;
    }
    // A CR at the start of a field is data that must be defused; elsewhere it belongs to the line's end.
    if (c == ',' || c == ';' || c == '\n') {
      EndField(&out);
      out.push_back(c);
      continue;
    }
    if (c == '"') quoted_ = true;
    field_.push_back(c);
  }
  return out;
}

std::string CsvNeutraliser::End() {
  std::string out;
  EndField(&out);
  return out;
}

void CsvNeutraliser::EndField(std::string* out) {
  std::string_view text = field_;
  std::string_view tail;
  if (text.size() > 1 && text.back() == '\r') {
    tail = text.substr(text.size() - 1);
    text.remove_suffix(1);
  }
  if (text == "\r") {
    tail = text;
    text = {};
  }
  const bool in_quotes = text.starts_with('"');
  const std::string_view content =
      in_quotes ? text.substr(1, text.size() - (text.size() > 1 && text.ends_with('"') ? 2 : 1)) : text;
  const bool risky = !content.empty() && std::string_view("=+-@\t\r").find(content.front()) != std::string_view::npos &&
                     !IsPlainNumber(content);
  if (risky) {
    out->append(in_quotes ? "\"'" : "'");
    out->append(in_quotes ? text.substr(1) : text);
  } else {
    out->append(text);
  }
  out->append(tail);
  field_.clear();
}

CsvStream::~CsvStream() {
  {
    std::lock_guard lock(mutex_);
    abandoned_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

absl::Status CsvStream::Begin() {
  thread_ = std::thread([this] {
    const absl::Status status = source_([this](std::string_view piece) -> absl::Status {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return abandoned_ || !piece_; });
      if (abandoned_) return absl::CancelledError("nobody reads any more");
      piece_ = std::string(piece);
      changed_.notify_all();
      return absl::OkStatus();
    });
    std::lock_guard lock(mutex_);
    ended_ = status;
    changed_.notify_all();
  });
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return piece_ || ended_; });
  return piece_ ? absl::OkStatus() : *ended_;
}

absl::Status CsvStream::Copy(const BodySink& sink) {
  CsvNeutraliser neutraliser;
  while (true) {
    std::string piece;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return piece_ || ended_; });
      if (!piece_) {
        if (!ended_->ok()) return *ended_;
        break;
      }
      piece = std::move(*piece_);
      piece_.reset();
      changed_.notify_all();
    }
    RETURN_IF_ERROR(sink(neutraliser.Take(piece)));
  }
  const std::string rest = neutraliser.End();
  return rest.empty() ? absl::OkStatus() : sink(rest);
}

std::string CsvFileName(std::string_view name, absl::Time now) {
  std::string file;
  const std::vector<std::string_view> parts = SplitText(name, '/');
  for (size_t i = 1; i < parts.size(); i += 2) {
    for (const unsigned char c : parts[i])
      file.push_back(std::isalnum(c) || c == '.' || c == '_' ? static_cast<char>(c) : '-');
    file.push_back('-');
  }
  return file + absl::FormatTime("%Y-%m-%d", now, absl::UTCTimeZone()) + ".csv";
}

}  // namespace compagnon::edge
