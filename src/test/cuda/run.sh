#!/usr/bin/env bash
# The acceptance run on a GPU: what the project claims of CUDA, proved or refuted in under ten minutes, without a network.
#
#   src/test/cuda/run.sh -o OUT -j "JAVA…" [-d cuda:0] [-m MODELS] [-n NATIVE] [-t SECONDS]
#
#   -o OUT      a folder for result.json, table.txt and what each step printed
#   -j JAVA     what runs a class with everything on its class path: "java -cp /some/jars/*", or a script that sets up
#               the libraries first. jars.sh collects the jars that must be there
#   -d DEVICE   cuda:0 unless given. With cpu everything that can run on the CPU does, which tries out this script
#   -m MODELS   what models.py wrote: TorchScript networks, an input; without it nothing is timed
#   -n NATIVE   the folder of the programs of native/ (target/native/test), built with a CUDA compiler; without it the
#               kernels are run by Java alone
#   -t SECONDS  after which the run ends, whatever is still to be done; 590 unless given
#
# Run it in the root of the sources: the golden networks and maps are read from src/test/resources. Needs bash and
# python3; torch in that python3 for the comparison with Score-CAM in Python. Exits with 1 if a step failed, as one does
# that takes too long, and with 2 if it is called in another way than this.
set -uo pipefail

usage() {
  (($# == 0)) || echo "run.sh: $*"
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"
  exit 2
} >&2

out= java= device=cuda:0 models= native= seconds=590
while getopts :o:j:d:m:n:t: option; do
  case $option in
    o) out=$OPTARG ;;
    j) java=$OPTARG ;;
    d) device=$OPTARG ;;
    m) models=$OPTARG ;;
    n) native=$OPTARG ;;
    t) seconds=$OPTARG ;;
    :) usage "-$OPTARG needs a value" ;;
    *) usage "there is no option -$OPTARG" ;;
  esac
done
shift $((OPTIND - 1))
(($# == 0)) || usage "'$1' belongs to no option"
[[ -n $out && -n $java ]] || usage "-o and -j must be given"
[[ $device =~ ^(cpu|cuda(:[0-9]+)?)$ ]] || usage "'$device' is no device: cpu, cuda or cuda:N"
[[ $seconds =~ ^[1-9][0-9]*$ ]] || usage "'$seconds' is no number of seconds"
[[ -d src/test/resources ]] || usage "there is no src/test/resources here"
for folder in "$models" "$native"; do
  [[ -z $folder || -d $folder ]] || usage "there is no folder '$folder'"
done
here=$(dirname "$0")
mkdir -p "$out"
: >"$out/steps.tsv"
started=$SECONDS
# The class path of -j may have an asterisk, which is the JVM's.
set -f

# step NAME COMMAND…: runs one; 77 means skipped, as with CTest. What it prints is kept. False if it failed.
step() {
  local name=$1 from=$SECONDS status
  shift
  "$@" >"$out/$name.log" 2>&1
  case $? in
    0) status=passed ;;
    77) status=skipped ;;
    *) status=FAILED ;;
  esac
  printf '%s\t%s\t%s\t%s\n' "$name" "$status" $((SECONDS - from)) "$(tail -1 "$out/$name.log" | tr '\t' ' ')" >>"$out/steps.tsv"
  printf '%-30s %-8s %4d s\n' "$name" "$status" $((SECONDS - from))
  [[ $status != FAILED ]]
}

# within SECONDS COMMAND…: ends the command after these, which are a GPU's, and when the run's are over.
within() {
  local most=$1 left=$((seconds - SECONDS + started)) status
  shift
  if ((left <= 0)); then
    echo "not run: the run's $seconds s are over"
    return 1
  fi
  [[ $device != cpu ]] && ((most < left)) || most=$left
  timeout --kill-after=5 "$most" "$@"
  status=$?
  ((status != 124 && status != 137)) || echo "ended after $most s"
  return "$status"
}

skip() {
  echo "$*"
  exit 77
}

finish() {
  python3 "$here/report.py" "$out" "$device" $((SECONDS - started)) | tee "$out/table.txt"
  ! grep -q FAILED "$out/steps.tsv"
  exit
}

# Also whether the device is there; if not, the last thing it says is what is missing.
diagnostics() {
  within 60 $java org.scorecam.cli.Main diagnostics || return
  [[ $device == cpu ]] || grep -Eq '^CUDA +[1-9][0-9]* devices?,' "$out/diagnostics.log" || {
    sed -n 's/^CUDA  */no CUDA device: /p' "$out/diagnostics.log"
    return 1
  }
}

# program FOLDER/NAME: skips unless it is there, and a GPU
program() {
  [[ $device != cpu ]] || skip "the kernels for CUDA need a GPU; this is $device"
  [[ -x $native/$1 ]] || skip "no $1 in '$native' (-n)"
}

kernels() {
  (program tests/cuda_test) || return
  within 60 "$native/tests/cuda_test" device
}

masks() {
  (program bench/scorecam_cuda_bench) || return
  within 60 "$native/bench/scorecam_cuda_bench"
}

sanitizer() {
  (program tests/cuda_test) || return
  command -v compute-sanitizer >/dev/null || (skip "there is no compute-sanitizer here") || return
  for tool in memcheck racecheck synccheck initcheck; do
    within 60 compute-sanitizer --tool "$tool" --error-exitcode 1 "$native/tests/cuda_test" device || return
  done
}

maps() {
  within 240 $java "-Dscorecam.test.device=$device" org.junit.platform.console.ConsoleLauncher execute \
    --select-class org.scorecam.CudaTest --details=tree --disable-banner --disable-ansi-colors \
    --fail-if-no-tests
}

# timed NETWORK CHANNELS PRECISION, which is float32+graphs for CUDA graphs
timed() {
  local graphs=
  [[ $3 == *+graphs ]] && graphs=--cuda-graphs
  [[ -f $models/$1.pt ]] || (skip "no $1.pt in '$models' (-m)") || return
  within 60 $java org.scorecam.cli.Main bench --model "$models/$1.pt" --layer layer4 --tensor "$models/input.npy" --class 1 \
    --channels "max:$2" --precision "${3%+graphs}" $graphs --device "$device" --runs 3 --baseline none --json "$out/$1-$2-$3.json"
}

# in_python NETWORK CHANNELS
in_python() {
  local needed=True
  [[ $device == cpu ]] || needed="torch.cuda.is_available()"
  [[ -f $models/$1.pt ]] || (skip "no $1.pt in '$models' (-m)") || return
  within 60 python3 -c "import sys, torch; sys.exit(not $needed)" || (skip "this python3 has no torch for $device") || return
  within 60 python3 "$here/plain.py" "$models/$1.pt" "$models/input.npy" "$2" "$device" "$out/$1-$2-python.json"
}

step diagnostics diagnostics || finish
step kernels kernels
step masks masks
step compute-sanitizer sanitizer
step maps maps
if [[ $device == cpu ]]; then
  passes=(16) precisions=(float32)
else
  passes=(512 2048) precisions=(float32 float32+graphs tf32 bfloat16 bfloat16+graphs float16)
fi
for network in resnet18 resnet50; do
  for count in "${passes[@]}"; do
    # The last layer of a ResNet-18 has 512 channels.
    [[ $network == resnet18 && $count -gt 512 ]] && continue
    step "$network-$count-python" in_python "$network" "$count"
    for precision in "${precisions[@]}"; do
      step "$network-$count-$precision" timed "$network" "$count" "$precision"
    done
  done
done
finish
