#!/bin/sh
# Decode, resize and normalise: LookTwice beside Pillow in one run, on one thread.
#   benchmarks/imaging.sh BUILD_FOLDER PYTHON [FOLDER_OF_ELPV_IMAGES]
# PYTHON needs pillow<13 and numpy.
set -eu
build=$1 python=$2 elpv=${3:-}
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/pictures"
"$python" "$here/peers/imaging.py" make "$work/pictures" $elpv
"$build/benchmarks/imaging_bench" "$work/pictures" --benchmark_min_time=1 --benchmark_repetitions=3 \
  --benchmark_display_aggregates_only=true   --benchmark_out="$work/ours.json" --benchmark_out_format=json
OMP_NUM_THREADS=1 "$python" "$here/peers/imaging.py" time "$work/pictures" "$work/ours.json"
