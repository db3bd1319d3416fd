# Sourced by the verbs: progress, installed packages, the build. Not a verb itself (its name begins with a dot).
set -euo pipefail
: "${ROOT:?run through ./dev}"
RUN="$ROOT/.run"
mkdir -p "$RUN"
# Paths in compiler output and in ccache's keys are relative to the checkout, so that another clone of the project finds the same entries.
export CCACHE_BASEDIR="$ROOT" CCACHE_NOHASHDIR=1

step() { printf '\n\033[1m[%s] %s\033[0m\n' "$(date +%H:%M:%S)" "$*"; }
fail() { printf 'dev: %s\n' "$*" >&2; exit 1; }

as_root() {
  if [[ $(id -u) -eq 0 ]]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
    fail "needs root for '$*': run as root or install sudo"; fi
}

# install_packages FILE...: installs the Debian packages of the lists that are missing. A line "?COMMAND PACKAGE..." installs only where
# the command is missing: another build of the same program serves as well.
install_packages() {
  local missing=() line package
  while read -r line; do
    line=${line%%#*}
    [[ -z "${line// /}" ]] && continue
    if [[ "$line" == \?* ]]; then
      command -v "$(cut -d' ' -f1 <<<"${line#\?}")" >/dev/null && continue
      read -ra more <<<"$(cut -d' ' -f2- <<<"$line")"
      missing+=("${more[@]}")
      continue
    fi
    package=${line%% *}
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done < <(cat "$@")
  [[ ${#missing[@]} -eq 0 ]] && return 0
  step "installing ${#missing[@]} Debian packages: ${missing[*]}"
  # A new machine has old package lists or none.
  as_root apt-get update -qq || fail "apt-get update failed: are Debian's packages reachable?"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$RUN/apt.log" 2>&1 ||
    { tail -n 20 "$RUN/apt.log" >&2; fail "the packages could not be installed (the whole of it: .run/apt.log)"; }
}

# build PRESET [TARGET...]
build() {
  local preset=$1; shift
  local dir="$ROOT/build/$preset"
  step "building ($preset)"
  cmake --preset "$preset" >"$RUN/cmake-$preset.log" 2>&1 || { tail -n 30 "$RUN/cmake-$preset.log" >&2; fail "cmake failed"; }
  # A terminal gets ninja's moving line; a log gets a line a minute's worth of steps would fill, so only every tenth.
  if [[ -t 1 ]]; then cmake --build "$dir" -- "$@"; else
    NINJA_STATUS='[%f/%t %es] ' cmake --build "$dir" -- "$@" | awk '/^\[[0-9]+\// {if (++n % 10 == 0 || /Linking/) {print substr($0, 1, 120); fflush()}; next} {print; fflush()}'
  fi
}

# with_services COMMAND...: runs a command beside the private PostgreSQL, RabbitMQ and Redis, and stops them whatever happens, Ctrl-C included. Servers that
# were running before (./dev services start) go on running.
with_services() {
  if [[ $(bash tools/services/all.sh status) == *stopped* ]]; then
    trap 'bash tools/services/all.sh stop >/dev/null 2>&1 || true' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
  fi
  step "starting PostgreSQL, RabbitMQ and Redis (loopback, .run/services)"
  bash tools/services/all.sh start
  # shellcheck disable=SC1091
  source "$RUN/services/env"
  "$@"
}
