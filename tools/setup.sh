# What tools/test, tools/quickstart and .ci/run share: packages, presets, environment.
# To be sourced from the repository root.

# Debian 12 packages; third_party/README.md says why each is here.
build_packages=(
  ccache cmake g++ libabsl-dev libavcodec-dev libavformat-dev libavutil-dev libcli11-dev
  libcpp-httplib-dev libdnnl-dev libgrpc++-dev libopenmpi-dev libpng-dev libprotobuf-dev
  libsqlite3-dev libssl-dev libswscale-dev libxxhash-dev ninja-build nlohmann-json3-dev
  openmpi-bin pkg-config
  protobuf-compiler protobuf-compiler-grpc
)
test_packages=(libgmock-dev libgtest-dev openssl python3-numpy python3-torch)
# Installed where no systemd would start their daemons, as in a container; elsewhere
# the test of Slurm skips, and says how to have it.
[[ -d /run/systemd/system ]] ||
  test_packages+=(munge slurm-client slurm-wlm-basic-plugins slurmctld slurmd)
clang_packages=(clang)

# Open MPI refuses to start as root, which is who one is in a container.
if ((EUID == 0)); then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
# Objects of one checkout serve another: the folder is no part of what they mean.
export CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=$PWD

install_packages() {
  local missing=() package sudo=()
  for package; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null |
      grep -qx installed || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  echo "installing ${missing[*]}"
  if ((EUID != 0)); then
    command -v sudo >/dev/null || {
      echo "missing packages; as root: apt-get install ${missing[*]}" >&2
      return 1
    }
    sudo=(sudo)
  fi
  "${sudo[@]}" apt-get update -q
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends "${missing[@]}"
}

# The presets ci and release are one build, with and without warnings as errors.
build_folder() {
  case "$1" in
    ci) echo build/release ;;
    *) echo "build/$1" ;;
  esac
}

# build_preset NAME [CMAKE ARGUMENTS...] configures and builds everything.
build_preset() {
  local preset=$1
  shift
  cmake --preset "$preset" "$@" >/tmp/tatami-configure.$$ 2>&1 || {
    cat /tmp/tatami-configure.$$ >&2
    return 1
  }
  rm -f /tmp/tatami-configure.$$
  ninja -C "$(build_folder "$preset")" -j"$(nproc)"
}
