#ifndef COMPAGNON_PLATFORM_METRICS_METRICS_H_
#define COMPAGNON_PLATFORM_METRICS_METRICS_H_

#include <map>
#include <memory>
#include <string>

#include "platform/base/status.h"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
}  // namespace prometheus

namespace compagnon {

// Metrics of this process, named compagnon_<module>_<what>_<unit>. Labels carry modules, sites, rpc names, codes: never
// a person. Keep the reference: a label look-up costs seven times an increment. Thread-safe.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  prometheus::Counter& Counter(const std::string& name, const std::string& help,
                               const std::map<std::string, std::string>& labels = {});
  prometheus::Gauge& Gauge(const std::string& name, const std::string& help,
                           const std::map<std::string, std::string>& labels = {});
  // Seconds, buckets 1 ms to 30 s.
  prometheus::Histogram& Seconds(const std::string& name, const std::string& help,
                                 const std::map<std::string, std::string>& labels = {});
  // Serves /metrics on "host:port"; a port taken is Unavailable, not the end.
  absl::Status Expose(const std::string& listen);
  // Port listened on, 0 when none.
  int port() const;
  // What /metrics says.
  std::string Text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace compagnon

#endif  // COMPAGNON_PLATFORM_METRICS_METRICS_H_
