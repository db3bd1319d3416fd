#include "moodle/wire.h"

#include <algorithm>
#include <atomic>

#include "absl/strings/str_cat.h"
#include "moodle/api/dimensions_file.h"
#include "moodle/api/directory_rpc.h"
#include "moodle/api/poller.h"
#include "moodle/api/reconcile.h"
#include "moodle/api/sites_rpc.h"
#include "moodle/store/directory.h"
#include "moodle/store/migrations.h"
#include "moodle/store/token_seal.h"
#include "platform/base/ids.h"
#include "platform/base/log.h"
#include "platform/bus/outbox.h"

namespace compagnon::moodle {
namespace {

class MoodleModule final : public Module {
 public:
  explicit MoodleModule(const Parts& parts) : parts_(parts) {}
  ~MoodleModule() override { Drain(absl::Seconds(5)); }

  std::string name() const override { return "moodle"; }

  absl::Status Prepare() override {
    if (database_ == nullptr) {
      ASSIGN_OR_RETURN(database_, parts_.open_database("moodle"));
    }
    RETURN_IF_ERROR(MigrateMoodle(*database_));
    const Config& config = *parts_.config;
    ASSIGN_OR_RETURN(TokenSeal seal, TokenSeal::Open(config));
    seal_ = std::make_unique<TokenSeal>(std::move(seal));
    ASSIGN_OR_RETURN(std::shared_ptr<const DimensionMap> dimensions, LoadDimensions(config));
    dimensions_ = dimensions;
    directory_ =
        std::make_unique<Directory>(DirectoryOptions{.clock = parts_.clock, .dimensions = std::move(dimensions)});
    sites_ = NewSitesService(*database_, *parts_.guard);
    directory_service_ = NewDirectoryService(*database_, *parts_.guard);
    return absl::OkStatus();
  }

  std::vector<grpc::Service*> Services() override { return {sites_.get(), directory_service_.get()}; }

  absl::Status Start() override {
    const Config& config = *parts_.config;
    relay_ = bus::StartOutboxRelay(*database_, *parts_.bus, *parts_.clock, {});
    PollerOptions options;
    options.ws.allow_private_addresses = config.moodle.allow_private_addresses;
    options.link.holder = NewUuidV7(parts_.clock->Now());
    options.link.publish_full =
        std::find(config.modules.begin(), config.modules.end(), "audit") != config.modules.end();
    options.link.poll_active = absl::Milliseconds(config.moodle.poll_active_ms);
    options.link.poll_idle = absl::Milliseconds(config.moodle.poll_idle_ms);
    options.link.lease = absl::Milliseconds(config.moodle.lease_ms);
    poller_ = StartPoller(
        std::move(options), *database_, *directory_, *seal_, *parts_.metrics, *parts_.clock,
        [relay = relay_.get()] { relay->Wake(); }, [relay = relay_.get()] { return relay->Pending().value_or(0); });
    ReconcilerOptions nightly;
    nightly.at = config.moodle.reconcile_at;
    nightly.holder = NewUuidV7(parts_.clock->Now());
    ASSIGN_OR_RETURN(reconciler_,
                     StartReconciler(
                         std::move(nightly), *database_, *directory_,
                         [poller = poller_.get()](const std::string& site) { return poller->ClientOf(site); },
                         dimensions_, *parts_.metrics, *parts_.clock, [relay = relay_.get()] { relay->Wake(); }));
    return absl::OkStatus();
  }

  absl::Status Ready() override {
    if (database_ == nullptr) return absl::UnavailableError("moodle: not prepared");
    return database_->Ping();
  }

  void Drain(absl::Duration) override {
    // The poller first: what it committed last is still relayed before the relay stops.
    if (poller_ != nullptr) poller_->Stop();
    reconciler_.reset();  // uses the poller's clients
    poller_.reset();
    if (relay_ != nullptr) relay_->Stop();
  }

 private:
  const Parts parts_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<TokenSeal> seal_;
  std::shared_ptr<const DimensionMap> dimensions_;
  std::unique_ptr<Directory> directory_;
  std::unique_ptr<grpc::Service> sites_;
  std::unique_ptr<grpc::Service> directory_service_;
  std::unique_ptr<bus::OutboxRelay> relay_;
  std::unique_ptr<Poller> poller_;
  std::unique_ptr<Reconciler> reconciler_;
};

}  // namespace

std::unique_ptr<Module> MakeModule(const Parts& parts) { return std::make_unique<MoodleModule>(parts); }

}  // namespace compagnon::moodle
