// What only the embedded bus can get wrong: its file.
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <set>
#include <thread>

#include "backends/bus_backend.h"
#include "platform/bus/bus.h"

namespace compagnon::bus {
namespace {

using test::BusBackend;
using test::Eventually;
using test::Inbox;
using test::MakeMessage;

// A disk that fills up: SQLite's own file layer, except that writes fail with "full" while told to. It is the default
// one from here on in this process; names of other tests' files never match.
class FullDisk {
 public:
  static FullDisk& Install() {
    static FullDisk disk;
    return disk;
  }
  void Fill(const std::string& path_part) {
    path_part_ = path_part;
    full_ = true;
  }
  void Free() { full_ = false; }
  int refused() const { return refused_; }

 private:
  struct File {
    sqlite3_file base;
    bool watched;
    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  };

  FullDisk() {
    real_ = sqlite3_vfs_find(nullptr);
    vfs_ = *real_;
    vfs_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
    vfs_.zName = "fulldisk";
    vfs_.pNext = nullptr;
    vfs_.xOpen = Open;
    disk_ = this;
    sqlite3_vfs_register(&vfs_, 1);
  }

  static File* Of(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
  static int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    File* f = Of(file);
    f->watched = name != nullptr &&
                 std::strstr(name, disk_->path_part_.empty() ? "/bus-" : disk_->path_part_.c_str()) != nullptr;
    static const sqlite3_io_methods methods = {
        3,
        [](sqlite3_file* f) {
          return Of(f)->real()->pMethods == nullptr ? SQLITE_OK : Of(f)->real()->pMethods->xClose(Of(f)->real());
        },
        [](sqlite3_file* f, void* to, int n, sqlite3_int64 at) {
          return Of(f)->real()->pMethods->xRead(Of(f)->real(), to, n, at);
        },
        [](sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
          if (disk_->full_ && Of(f)->watched) {
            ++disk_->refused_;
            return SQLITE_FULL;
          }
          return Of(f)->real()->pMethods->xWrite(Of(f)->real(), from, n, at);
        },
        [](sqlite3_file* f, sqlite3_int64 size) { return Of(f)->real()->pMethods->xTruncate(Of(f)->real(), size); },
        [](sqlite3_file* f, int flags) { return Of(f)->real()->pMethods->xSync(Of(f)->real(), flags); },
        [](sqlite3_file* f, sqlite3_int64* size) { return Of(f)->real()->pMethods->xFileSize(Of(f)->real(), size); },
        [](sqlite3_file* f, int lock) { return Of(f)->real()->pMethods->xLock(Of(f)->real(), lock); },
        [](sqlite3_file* f, int lock) { return Of(f)->real()->pMethods->xUnlock(Of(f)->real(), lock); },
        [](sqlite3_file* f, int* out) { return Of(f)->real()->pMethods->xCheckReservedLock(Of(f)->real(), out); },
        [](sqlite3_file* f, int op, void* arg) {
          return Of(f)->real()->pMethods->xFileControl(Of(f)->real(), op, arg);
        },
        [](sqlite3_file* f) { return Of(f)->real()->pMethods->xSectorSize(Of(f)->real()); },
        [](sqlite3_file* f) { return Of(f)->real()->pMethods->xDeviceCharacteristics(Of(f)->real()); },
        [](sqlite3_file* f, int a, int b, int c, void volatile** p) {
          return Of(f)->real()->pMethods->xShmMap(Of(f)->real(), a, b, c, p);
        },
        [](sqlite3_file* f, int a, int b, int c) { return Of(f)->real()->pMethods->xShmLock(Of(f)->real(), a, b, c); },
        [](sqlite3_file* f) { Of(f)->real()->pMethods->xShmBarrier(Of(f)->real()); },
        [](sqlite3_file* f, int del) { return Of(f)->real()->pMethods->xShmUnmap(Of(f)->real(), del); },
        [](sqlite3_file* f, sqlite3_int64 at, int n, void** p) {
          return Of(f)->real()->pMethods->xFetch(Of(f)->real(), at, n, p);
        },
        [](sqlite3_file* f, sqlite3_int64 at, void* p) {
          return Of(f)->real()->pMethods->xUnfetch(Of(f)->real(), at, p);
        },
    };
    const int code = disk_->real_->xOpen(disk_->real_, name, f->real(), flags, out_flags);
    f->base.pMethods = f->real()->pMethods == nullptr ? nullptr : &methods;
    return code;
  }

  static FullDisk* disk_;
  sqlite3_vfs* real_;
  sqlite3_vfs vfs_;
  std::string path_part_;
  std::atomic<bool> full_ = false;
  std::atomic<int> refused_ = 0;
};
FullDisk* FullDisk::disk_ = nullptr;

std::vector<Message> Numbered(const BusBackend& backend, int first, int count, size_t bytes = 100) {
  std::vector<Message> messages;
  for (int i = first; i < first + count; ++i) {
    messages.push_back(MakeMessage(backend.Name("events"), "a.b", std::to_string(i)));
    messages.back().data.assign(bytes, 'x');
  }
  return messages;
}

SubscribeOptions Quick() {
  SubscribeOptions options;
  options.max_batch = 50;
  options.min_backoff = absl::Milliseconds(5);
  options.max_backoff = absl::Milliseconds(20);
  return options;
}

TEST_CASE("the embedded bus refuses messages at its size limit and takes them again once read", "[bus]") {
  BusBackend backend(false);
  backend.embedded_options.max_bytes = 1 << 20;
  backend.AddQueue("q", "events", {"#"});
  auto publisher = backend.bus().NewPublisher();
  int accepted = 0;
  absl::Status full;
  while (full.ok() && accepted < 100) {
    full = publisher->Publish(Numbered(backend, accepted * 10, 10, 5000)).status();
    if (full.ok()) ++accepted;
  }
  CHECK(absl::IsResourceExhausted(full));
  CHECK(ReasonOf(full) == "bus_full");
  CHECK(accepted > 5);
  CHECK(std::filesystem::file_size(backend.embedded_options.path) <= size_t{1} << 20);
  CHECK(*backend.bus().Depth(backend.Name("q")) == accepted * 10);  // the call that failed left nothing
  Inbox inbox;
  auto subscription = backend.bus().Subscribe(backend.Name("q"), Quick(), inbox.Handler());
  REQUIRE(Eventually([&] { return *backend.bus().Depth(backend.Name("q")) == 0; }));
  CHECK(inbox.size() == static_cast<size_t>(accepted) * 10);
  CHECK(publisher->Publish(Numbered(backend, 0, 10, 5000)).ok());
}

TEST_CASE("a full disk loses nothing that was accepted and nothing that was handed over", "[bus][fault]") {
  FullDisk& disk = FullDisk::Install();
  BusBackend backend(false);
  backend.AddQueue("q", "events", {"#"});
  auto publisher = backend.bus().NewPublisher();
  REQUIRE(publisher->Publish(Numbered(backend, 0, 100)).ok());
  disk.Fill(std::filesystem::path(backend.embedded_options.path).parent_path().filename().string());
  const absl::Status refused = publisher->Publish(Numbered(backend, 100, 100)).status();
  CHECK(absl::IsResourceExhausted(refused));
  Inbox inbox;
  auto subscription = backend.bus().Subscribe(backend.Name("q"), Quick(), inbox.Handler());
  // The first batch is accepted by its handler; its removal has to wait, and no other is handed over.
  const int refused_before = disk.refused();
  REQUIRE(Eventually([&] { return disk.refused() >= refused_before + 3; }));
  CHECK(inbox.size() == 50);
  CHECK_FALSE(subscription->Healthy());
  disk.Free();
  CHECK(publisher->Publish(Numbered(backend, 100, 100)).ok());
  REQUIRE(Eventually([&] { return *backend.bus().Depth(backend.Name("q")) == 0; }));
  subscription->Stop();
  std::vector<std::string> expected;
  for (int i = 0; i < 200; ++i) expected.push_back(std::to_string(i));
  CHECK(inbox.Ids() == expected);
}

TEST_CASE("a process killed while it publishes and consumes loses nothing confirmed and no half of a call",
          "[bus][fault]") {
  BusBackend backend(false);
  backend.AddQueue("q", "events", {"#"});
  backend.Close();
  std::set<int> confirmed, consumed;
  int first = 0;
  for (int round = 0; round < 6; ++round) {
    int report[2];
    REQUIRE(pipe(report) == 0);
    const pid_t child = fork();
    if (child == 0) {
      auto bus = NewEmbeddedBus(backend.embedded_options);
      if (!bus.ok()) _exit(1);
      SubscribeOptions options = Quick();
      auto subscription = (*bus)->Subscribe(backend.Name("q"), options, [&](absl::Span<const Delivery> batch) {
        // Negative: consumed. One write is one effect, as a commit is.
        std::vector<int> ids;
        for (const Delivery& delivery : batch) ids.push_back(-1 - std::stoi(delivery.message.id));
        return write(report[1], ids.data(), ids.size() * sizeof(int)) > 0 ? absl::OkStatus()
                                                                          : absl::InternalError("pipe");
      });
      auto publisher = (*bus)->NewPublisher();
      for (int i = first;; i += 20) {
        if (!publisher->Publish(Numbered(backend, i, 20, 1000)).ok()) _exit(1);
        std::vector<int> ids;
        for (int id = i; id < i + 20; ++id) ids.push_back(id);
        if (write(report[1], ids.data(), ids.size() * sizeof(int)) < 0) _exit(1);
      }
    }
    close(report[1]);
    std::thread killer([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(60 + round * 17));
      kill(child, SIGKILL);
    });
    int ids[256];
    for (ssize_t n; (n = read(report[0], ids, sizeof ids)) > 0;) {
      for (size_t i = 0; i < static_cast<size_t>(n) / sizeof(int); ++i) {
        if (ids[i] < 0) {
          consumed.insert(-1 - ids[i]);
        } else {
          confirmed.insert(ids[i]);
          first = std::max(first, ids[i] + 1);
        }
      }
    }
    killer.join();
    int status = 0;
    waitpid(child, &status, 0);
    REQUIRE(WIFSIGNALED(status));
    close(report[0]);
    first += 20;  // the call under way may be in or not
  }
  REQUIRE(confirmed.size() > 100);
  Inbox inbox;
  auto subscription = backend.bus().Subscribe(backend.Name("q"), Quick(), inbox.Handler());
  REQUIRE(Eventually([&] { return *backend.bus().Depth(backend.Name("q")) == 0; }));
  subscription->Stop();
  for (const std::string& id : inbox.Ids()) consumed.insert(std::stoi(id));
  std::set<int> lost;
  for (const int id : confirmed) {
    if (!consumed.contains(id)) lost.insert(id);
  }
  CHECK(lost.empty());
  size_t halves = 0;
  for (const int id : consumed) halves += !consumed.contains(id - id % 20) || !consumed.contains(id - id % 20 + 19);
  CHECK(halves == 0);
}

TEST_CASE("the embedded bus's file is nobody else's to read", "[bus]") {
  BusBackend backend(false);
  REQUIRE(backend.bus().Ping().ok());
  struct stat file;
  REQUIRE(stat(backend.embedded_options.path.c_str(), &file) == 0);
  CHECK((file.st_mode & 0777) == 0600);
}

TEST_CASE("messages flagged as redelivered are those that were there before the process", "[bus]") {
  BusBackend backend(false);
  backend.AddQueue("q", "events", {"#"});
  REQUIRE(backend.bus().NewPublisher()->Publish(Numbered(backend, 0, 3)).ok());
  backend.Close();
  REQUIRE(backend.bus().NewPublisher()->Publish(Numbered(backend, 3, 2)).ok());
  Inbox inbox;
  auto subscription = backend.bus().Subscribe(backend.Name("q"), Quick(), inbox.Handler());
  REQUIRE(Eventually([&] { return inbox.size() == 5; }));
  std::vector<bool> redelivered;
  for (const Delivery& delivery : inbox.All()) redelivered.push_back(delivery.redelivered);
  CHECK(redelivered == std::vector<bool>{true, true, true, false, false});
}

TEST_CASE("a queue left out of the declaration keeps its messages and gets no more", "[bus]") {
  BusBackend backend(false);
  backend.AddQueue("q", "events", {"#"});
  auto publisher = backend.bus().NewPublisher();
  REQUIRE(publisher->Publish(Numbered(backend, 0, 3)).ok());
  REQUIRE(backend.bus().Declare({}).ok());
  CHECK(*publisher->Publish(Numbered(backend, 3, 1)) == std::vector<PublishOutcome>{PublishOutcome::kUnroutable});
  CHECK(*backend.bus().Depth(backend.Name("q")) == 3);
}

TEST_CASE("a file of a newer release or of another kind is refused in words", "[bus]") {
  BusBackend backend(false);
  REQUIRE(backend.bus().Ping().ok());
  backend.Close();
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(backend.embedded_options.path.c_str(), &db) == SQLITE_OK);
  REQUIRE(sqlite3_exec(db, "PRAGMA user_version=99", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(db);
  CHECK(absl::IsFailedPrecondition(NewEmbeddedBus(backend.embedded_options).status()));
  for (const char* end : {"-wal", "-shm", ""}) std::filesystem::remove(backend.embedded_options.path + end);
  FILE* file = std::fopen(backend.embedded_options.path.c_str(), "w");
  for (int i = 0; i < 1000; ++i) std::fputs("no database at all ", file);
  std::fclose(file);
  CHECK(absl::IsDataLoss(NewEmbeddedBus(backend.embedded_options).status()));
  EmbeddedOptions nowhere;
  nowhere.path = "/proc/no/such/folder/bus.db";
  CHECK(absl::IsUnavailable(NewEmbeddedBus(nowhere).status()));
}

}  // namespace
}  // namespace compagnon::bus
