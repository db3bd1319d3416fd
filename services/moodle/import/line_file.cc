#include "moodle/import/line_file.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace compagnon::moodle {
namespace {

constexpr size_t kChunk = size_t{1} << 20;
constexpr size_t kPadding = 64;
// A quoted field may run over this many lines before its quote is taken for a mistake.
constexpr size_t kLongestQuote = 2000;
constexpr size_t kLargestQuote = size_t{4} << 20;

}  // namespace

struct LineFile::Impl {
  gzFile file = nullptr;
  int64_t size = 0;
  size_t longest_line = 0;
  std::vector<char> buffer;
  size_t begin = 0, end = 0;  // what is unread in the buffer
  bool finished = false;
  absl::Status at_end;
  int64_t number = 0;

  // Reads more behind what is unread; false when there is no more.
  bool Fill() {
    if (finished) return false;
    if (begin > 0) {
      std::memmove(buffer.data(), buffer.data() + begin, end - begin);
      end -= begin;
      begin = 0;
    }
    if (buffer.size() < end + kChunk + kPadding) buffer.resize(end + kChunk + kPadding);
    const int got = gzread(file, buffer.data() + end, kChunk);
    if (got < static_cast<int>(kChunk)) {
      int code = Z_OK;
      const char* message = gzerror(file, &code);
      if (got < 0 || (code != Z_OK && code != Z_STREAM_END)) {
        at_end = absl::DataLossError(code == Z_BUF_ERROR ? "the compressed file was cut short"
                                                         : fmt::format("the compressed file is damaged: {}", message));
      }
      // A cut-off gzip file answers its last bytes as a short read, and only the next one says what is wrong.
      if (got <= 0) finished = true;
    }
    if (got > 0) end += static_cast<size_t>(got);
    return got > 0;
  }
};

LineFile::LineFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LineFile::~LineFile() {
  if (impl_->file != nullptr) gzclose(impl_->file);
}

absl::StatusOr<std::unique_ptr<LineFile>> LineFile::Open(const std::string& path, size_t longest_line) {
  struct stat about;
  if (stat(path.c_str(), &about) != 0) return absl::NotFoundError(fmt::format("{}: {}", path, strerror(errno)));
  if (S_ISDIR(about.st_mode)) return absl::InvalidArgumentError(fmt::format("{} is a folder", path));
  auto impl = std::make_unique<Impl>();
  impl->size = about.st_size;
  impl->longest_line = longest_line;
  impl->file = gzopen(path.c_str(), "rb");
  if (impl->file == nullptr) return absl::NotFoundError(fmt::format("{}: {}", path, strerror(errno)));
  gzbuffer(impl->file, 1 << 18);
  return std::unique_ptr<LineFile>(new LineFile(std::move(impl)));
}

int64_t LineFile::size() const { return impl_->size; }
int64_t LineFile::consumed() const { return std::min<int64_t>(impl_->size, gzoffset(impl_->file)); }

absl::StatusOr<bool> LineFile::Next(Line* line) {
  Impl& in = *impl_;
  size_t searched = 0;
  line->too_long = false;
  for (;;) {
    const char* from = in.buffer.data() + in.begin;
    const size_t unread = in.end - in.begin;
    const void* found = unread > searched ? std::memchr(from + searched, '\n', unread - searched) : nullptr;
    if (found != nullptr) {
      size_t length = static_cast<const char*>(found) - from;
      in.begin += length + 1;
      ++in.number;
      line->ended = true;
      line->number = in.number;
      if (length > 0 && from[length - 1] == '\r') --length;
      line->text = std::string_view(from, length);
      if (line->too_long || length > in.longest_line) {
        line->too_long = true;
        line->text = {};
      }
      break;
    }
    if (unread > in.longest_line) {
      // Its beginning is thrown away; only that it was there is kept.
      line->too_long = true;
      in.begin = in.end;
      searched = 0;
    } else {
      searched = unread;
    }
    if (in.Fill()) continue;
    if (!in.finished) continue;
    if (in.end == in.begin && !line->too_long) {
      if (!in.at_end.ok()) return in.at_end;
      return false;
    }
    ++in.number;
    line->ended = false;
    line->number = in.number;
    size_t length = in.end - in.begin;
    line->text = std::string_view(in.buffer.data() + in.begin, length);
    if (line->too_long) line->text = {};
    in.begin = in.end;
    break;
  }
  if (in.number == 1 && line->text.starts_with("\xEF\xBB\xBF")) line->text.remove_prefix(3);
  return true;
}

bool SplitCsv(std::string_view text, char separator, std::vector<std::string>* fields) {
  size_t count = 0;
  const auto next = [&]() -> std::string& {
    if (count == fields->size()) fields->emplace_back();
    std::string& field = (*fields)[count++];
    field.clear();
    return field;
  };
  size_t at = 0;
  for (;;) {
    std::string& field = next();
    if (at < text.size() && text[at] == '"') {
      ++at;
      for (;;) {
        const size_t quote = text.find('"', at);
        if (quote == std::string_view::npos) return false;
        field.append(text.substr(at, quote - at));
        at = quote + 1;
        if (at >= text.size() || text[at] != '"') break;
        field += '"';
        ++at;
      }
      // What follows a closing quote before the separator belongs to the field, as spreadsheets read it.
      const size_t end = std::min(text.find(separator, at), text.size());
      field.append(text.substr(at, end - at));
      at = end;
    } else {
      const size_t end = std::min(text.find(separator, at), text.size());
      field.assign(text.substr(at, end - at));
      at = end;
    }
    if (at >= text.size()) break;
    ++at;
  }
  fields->resize(count);
  return true;
}

absl::StatusOr<bool> CsvFile::Raw(std::string* text, int64_t* number, bool* ended, bool* too_long) {
  if (!kept_.empty()) {
    *text = std::move(kept_.back().text);
    *number = kept_.back().number;
    *ended = kept_.back().ended;
    *too_long = false;
    kept_.pop_back();
    return true;
  }
  Line line;
  ASSIGN_OR_RETURN(const bool more, lines_.Next(&line));
  if (!more) return false;
  text->assign(line.text);
  *number = line.number;
  *ended = line.ended;
  *too_long = line.too_long;
  return true;
}

absl::StatusOr<bool> CsvFile::Next(Record* record) {
  std::string text;
  bool ended = true, too_long = false;
  do {
    ASSIGN_OR_RETURN(const bool more, Raw(&text, &record->line, &ended, &too_long));
    if (!more) return false;
  } while (text.empty() && !too_long);
  record->refused = too_long;
  record->ended = ended;
  record->cut_off = false;
  if (too_long) {
    record->fields.clear();
    return true;
  }
  if (separator_ == 0) {
    separator_ = ',';
    for (char candidate : {';', '\t'}) {
      if (std::count(text.begin(), text.end(), candidate) > std::count(text.begin(), text.end(), separator_))
        separator_ = candidate;
    }
  }
  // The common case: one line, and nothing to join.
  if (SplitCsv(text, separator_, &record->fields)) return true;

  std::vector<Kept> ahead;
  std::string whole = std::move(text);
  const bool alone_ended = ended;
  bool at_end = false;
  absl::Status broken;
  while (ahead.size() < kLongestQuote && whole.size() < kLargestQuote) {
    Kept next;
    absl::StatusOr<bool> more = Raw(&next.text, &next.number, &next.ended, &too_long);
    if (!more.ok()) broken = more.status();
    if (!more.ok() || !*more) {
      at_end = true;
      break;
    }
    if (too_long) break;
    whole += '\n';
    whole += next.text;
    const bool quotes = next.text.find('"') != std::string::npos;
    ahead.push_back(std::move(next));
    if (quotes && SplitCsv(whole, separator_, &record->fields)) {
      record->ended = ahead.back().ended;
      return true;
    }
  }
  // The quote never ended: this line is refused, and those after it are read again for themselves.
  record->fields.clear();
  record->refused = true;
  record->cut_off = at_end && ahead.empty() && (!alone_ended || !broken.ok());
  std::reverse(ahead.begin(), ahead.end());
  kept_.insert(kept_.end(), std::make_move_iterator(ahead.begin()), std::make_move_iterator(ahead.end()));
  return true;
}

}  // namespace compagnon::moodle
