#include "moodle/import/log_batches.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "moodle/import/line_file.h"
#include "moodle/intake/log_row.h"

namespace compagnon::moodle {
namespace {

constexpr size_t kAhead = 3;
constexpr size_t kNamedRefusals = 1000;

class Reader : public LogBatches {
 public:
  Reader(std::unique_ptr<LineFile> lines, size_t batch_size) : lines_(std::move(lines)), batch_size_(batch_size) {}

  ~Reader() override {
    {
      std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    room_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  // Decides on the format by the first line, so that a file that is no log is refused before anything is stored.
  absl::Status Begin() {
    Line line;
    do {
      ASSIGN_OR_RETURN(const bool more, lines_->Next(&line));
      if (!more) return absl::InvalidArgumentError("the file is empty");
    } while (line.text.find_first_not_of(" \t") == std::string_view::npos && !line.too_long);
    const size_t start = std::min(line.text.find_first_not_of(" \t"), line.text.size());
    if (line.text.substr(start).starts_with("{")) {
      json_ = true;
      first_line_.assign(line.text);
      first_line_.resize(line.text.size() + kJsonPadding);
      first_length_ = line.text.size();
      first_number_ = line.number;
      first_ended_ = line.ended;
    } else {
      csv_ = std::make_unique<CsvFile>(*lines_);
      csv_->Unread(std::string(line.text), line.number, line.ended);
      CsvFile::Record header;
      ASSIGN_OR_RETURN(const bool any, csv_->Next(&header));
      if (!any || header.refused)
        return absl::InvalidArgumentError("the file is neither JSON lines nor CSV with a header");
      RETURN_IF_ERROR(rows_.SetColumns(header.fields));
    }
    thread_ = std::thread([this] { Run(); });
    return absl::OkStatus();
  }

  int64_t file_size() const override { return lines_->size(); }

  void Next(LogBatch* batch) override {
    std::unique_lock lock(mutex_);
    if (!batch->events.empty()) spare_.push_back(std::move(*batch));
    ready_.wait(lock, [&] { return !full_.empty(); });
    *batch = std::move(full_.front());
    // The end stays where it is, whoever asks again.
    if (batch->end.ok()) {
      full_.pop_front();
    } else {
      full_.front() = LogBatch();
      full_.front().end = batch->end;
      full_.front().consumed = batch->consumed;
    }
    room_.notify_one();
  }

 private:
  void Refuse(LogBatch& batch, int64_t number, std::string_view reason) {
    if (named_ < kNamedRefusals) {
      batch.refused.push_back({number, std::string(reason)});
      ++named_;
    } else {
      ++batch.refused_more;
    }
  }

  // Reads one row into the batch; false at the end.
  bool Row(LogBatch& batch) {
    if (batch.size == batch.events.size()) batch.events.emplace_back();
    MoodleEvent& event = batch.events[batch.size];
    if (!json_) {
      absl::StatusOr<bool> more = csv_->Next(&record_);
      if (!more.ok() || !*more) {
        End(batch, more.status());
        return false;
      }
      if (record_.cut_off) {
        batch.cut_off_line = record_.line;
      } else if (record_.refused) {
        Refuse(batch, record_.line, "a quoted field does not end");
      } else if (absl::Status status = rows_.FromCsv(record_.fields, &event); status.ok()) {
        ++batch.size;
      } else if (!record_.ended) {
        batch.cut_off_line = record_.line;
      } else {
        Refuse(batch, record_.line, std::string_view(status.message().data(), status.message().size()));
      }
      return true;
    }

    Line line;
    if (first_length_ > 0) {
      line.text = std::string_view(first_line_.data(), first_length_);
      line.number = first_number_;
      line.ended = first_ended_;
      first_length_ = 0;
    } else {
      absl::StatusOr<bool> more = lines_->Next(&line);
      if (!more.ok() || !*more) {
        End(batch, more.status());
        return false;
      }
    }
    if (line.too_long) {
      Refuse(batch, line.number, "the line is too long");
      return true;
    }
    if (line.text.find_first_not_of(" \t") == std::string_view::npos) return true;
    absl::Status status = rows_.FromJson(line.text, &event);
    if (status.ok()) {
      ++batch.size;
    } else if (!line.ended) {
      batch.cut_off_line = line.number;
    } else {
      Refuse(batch, line.number, std::string_view(status.message().data(), status.message().size()));
    }
    return true;
  }

  void End(LogBatch& batch, const absl::Status& status) {
    batch.end = status.ok() ? absl::OutOfRangeError("end of file") : status;
  }

  void Run() {
    for (;;) {
      LogBatch batch;
      {
        std::unique_lock lock(mutex_);
        room_.wait(lock, [&] { return stopped_ || full_.size() < kAhead; });
        if (stopped_) return;
        if (!spare_.empty()) {
          batch = std::move(spare_.back());
          spare_.pop_back();
        }
      }
      batch.size = 0;
      batch.refused.clear();
      batch.refused_more = batch.cut_off_line = 0;
      batch.end = absl::OkStatus();
      while (batch.size < batch_size_ && Row(batch)) {
      }
      batch.consumed = lines_->consumed();
      const bool ended = !batch.end.ok();
      {
        std::lock_guard lock(mutex_);
        full_.push_back(std::move(batch));
      }
      ready_.notify_one();
      if (ended) return;
    }
  }

  std::unique_ptr<LineFile> lines_;
  const size_t batch_size_;
  std::unique_ptr<CsvFile> csv_;
  CsvFile::Record record_;
  LogRowReader rows_;
  bool json_ = false;
  std::string first_line_;
  size_t first_length_ = 0;
  int64_t first_number_ = 0;
  bool first_ended_ = true;
  size_t named_ = 0;

  std::mutex mutex_;
  std::condition_variable ready_, room_;
  std::deque<LogBatch> full_;
  std::vector<LogBatch> spare_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<LogBatches>> LogBatches::Open(const std::string& path, size_t batch_size) {
  ASSIGN_OR_RETURN(std::unique_ptr<LineFile> lines, LineFile::Open(path));
  auto reader = std::make_unique<Reader>(std::move(lines), batch_size);
  RETURN_IF_ERROR(reader->Begin());
  return reader;
}

}  // namespace compagnon::moodle
