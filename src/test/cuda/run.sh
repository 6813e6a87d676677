#!/usr/bin/env bash
# The acceptance run on a GPU: what the project claims of CUDA, proved or refuted in under ten minutes, without a network.
#
#   src/test/cuda/run.sh -o OUT -j "JAVA…" [-d cuda:0] [-m MODELS] [-n NATIVE]
#
#   -o OUT      a folder for result.json, table.txt and what each step printed
#   -j JAVA     what runs a class with everything on its class path: "java -cp /some/jars/*", or a script that sets up
#               the libraries first. jars.sh collects the jars that must be there
#   -d DEVICE   cuda:0 unless given. With cpu everything that can run on the CPU does, which tries out this script
#   -m MODELS   what models.py wrote: TorchScript networks, an input; without it nothing is timed
#   -n NATIVE   the folder of CTest's programs (target/native/test/tests), built with a CUDA compiler
#
# Run it in the root of the sources: the golden networks and maps are read from src/test/resources. Needs bash and
# python3; torch in that python3 for the comparison with Score-CAM in Python. Exits with 1 if a step failed.
set -uo pipefail

out= java= device=cuda:0 models= native=
while getopts o:j:d:m:n: option; do
  case $option in
    o) out=$OPTARG ;;
    j) java=$OPTARG ;;
    d) device=$OPTARG ;;
    m) models=$OPTARG ;;
    n) native=$OPTARG ;;
    *) exit 2 ;;
  esac
done
if [[ -z $out || -z $java ]]; then
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"
  exit 2
fi
here=$(dirname "$0")
mkdir -p "$out"
: >"$out/steps.tsv"
started=$SECONDS

# step NAME COMMAND…: runs one; 77 means skipped, as with CTest. What it prints is kept.
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
}

skip() {
  echo "$*"
  exit 77
}

# in_java CLASS ARGUMENT…: the command may have words of its own, and its class path an asterisk.
in_java() {
  set -f
  $java "$@"
}

diagnostics() { in_java org.scorecam.cli.Main diagnostics; }

kernels() {
  [[ $device == cuda* ]] || (skip "the kernels for CUDA need a GPU; this is $device") || return
  [[ -x $native/cuda_test ]] || (skip "no cuda_test in '$native' (-n)") || return
  "$native/cuda_test" device
}

sanitizer() {
  [[ $device == cuda* ]] || (skip "compute-sanitizer needs a GPU; this is $device") || return
  [[ -x $native/cuda_test ]] || (skip "no cuda_test in '$native' (-n)") || return
  command -v compute-sanitizer >/dev/null || (skip "there is no compute-sanitizer here") || return
  for tool in memcheck racecheck initcheck; do
    compute-sanitizer --tool "$tool" --error-exitcode 1 "$native/cuda_test" device || return
  done
}

maps() {
  in_java "-Dscorecam.test.device=$device" org.junit.platform.console.ConsoleLauncher execute \
    --select-class org.scorecam.CudaTest --details=tree --disable-banner --disable-ansi-colors \
    --fail-if-no-tests
}

# timed NETWORK CHANNELS PRECISION, which is float32+graphs for CUDA graphs
timed() {
  local graphs=
  [[ $3 == *+graphs ]] && graphs=--cuda-graphs
  [[ -f $models/$1.pt ]] || (skip "no $1.pt in '$models' (-m)") || return
  in_java org.scorecam.cli.Main bench --model "$models/$1.pt" --layer layer4 --tensor "$models/input.npy" --class 1 \
    --channels "max:$2" --precision "${3%+graphs}" $graphs --device "$device" --runs 3 --baseline none --json "$out/$1-$2-$3.json"
}

# python NETWORK CHANNELS
python_seed() {
  [[ -f $models/$1.pt ]] || (skip "no $1.pt in '$models' (-m)") || return
  python3 -c 'import torch' || (skip "this python3 has no torch") || return
  python3 "$here/plain.py" "$models/$1.pt" "$models/input.npy" "$2" "$device" "$out/$1-$2-python.json"
}

step diagnostics diagnostics
step kernels kernels
step compute-sanitizer sanitizer
step maps maps
if [[ $device == cuda* ]]; then
  passes=(512 2048) precisions=(float32 float32+graphs tf32 bfloat16 bfloat16+graphs float16)
else
  passes=(16) precisions=(float32)
fi
for network in resnet18 resnet50; do
  for count in "${passes[@]}"; do
    # The last layer of a ResNet-18 has 512 channels.
    [[ $network == resnet18 && $count -gt 512 ]] && continue
    step "$network-$count-python" python_seed "$network" "$count"
    for precision in "${precisions[@]}"; do
      step "$network-$count-$precision" timed "$network" "$count" "$precision"
    done
  done
done

python3 "$here/report.py" "$out" "$device" $((SECONDS - started)) | tee "$out/table.txt"
! grep -q FAILED "$out/steps.tsv"
