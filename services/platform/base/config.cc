#include "platform/base/config.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "fmt/format.h"

namespace compagnon {

bool IsLoopback(std::string_view address) {
  const absl::string_view text(address.data(), address.size());
  if (absl::StartsWith(text, "unix:") || absl::StartsWith(text, "/")) return true;
  if (text == "::1" || text == "[::1]" || absl::StartsWith(text, "[::1]:")) return true;
  // Parsed, not compared: "127.0.0.1.example.org" is a name anybody can own.
  const std::string host(text.substr(0, text.find(':')));
  in_addr parsed{};
  return host == "localhost" || (inet_pton(AF_INET, host.c_str(), &parsed) == 1 && ntohl(parsed.s_addr) >> 24 == 127);
}

absl::StatusOr<std::string> ReadSecretFile(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, path);
  struct stat info {};
  struct statvfs mount {};
  char buffer[4097];
  const bool known = ::fstat(fd, &info) == 0 && ::fstatvfs(fd, &mount) == 0;
  const ssize_t size = known && S_ISREG(info.st_mode) ? ::read(fd, buffer, sizeof buffer) : -1;
  ::close(fd);
  if (size < 0) return absl::InvalidArgumentError(absl::StrCat(path, ": not a readable file"));
  // Kubernetes and systemd mount secrets read-only, owned by root, with modes wider than 0600.
  const bool mounted = info.st_uid == 0 && (mount.f_flag & ST_RDONLY) != 0 && (info.st_mode & 022) == 0;
  if ((info.st_mode & 077) != 0 && !mounted) {
    return WithReason(absl::PermissionDeniedError(
                          fmt::format("{}: mode {:04o}, others may read it; chmod 600", path, info.st_mode & 07777)),
                      "secret_readable_by_others");
  }
  if (size == sizeof buffer)
    return absl::InvalidArgumentError(absl::StrCat(path, ": longer than 4096 bytes, no secret"));
  std::string_view text(buffer, static_cast<size_t>(size));
  text = text.substr(0, text.find('\n'));
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  if (text.empty()) return absl::InvalidArgumentError(absl::StrCat(path, ": its first line is empty"));
  return std::string(text);
}

}  // namespace compagnon
