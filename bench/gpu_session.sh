#!/bin/sh
# All that a lent GPU is asked for, within eight minutes: the tests with the marker gpu, bench.gpu with a ResNet-50, then
# shorter ones with other networks while there is time. Needs torch, torchvision, numpy, numba, pandas, Pillow and pytest;
# neither Django nor a network. Run in the project's folder:
#
#   bench/gpu_session.sh OUT          results into the folder OUT, for docs/evidence
#   bench/gpu_session.sh OUT --toy    the same on a processor, at toy sizes: tries the script, measures nothing
#
# PYTHON names the interpreter (python3), SECONDS_IN_ALL the time (470), NETWORKS the other networks. OUT/steps.tsv says
# what each step ended with and how long it took; a step that is cut off leaves what it had written.
set -u
out=${1:?"expected a folder for the results: bench/gpu_session.sh OUT [--toy]"}
python=${PYTHON:-python3}
all=${SECONDS_IN_ALL:-470}
networks=${NETWORKS-"densenet121 convnext_tiny vit_b_16 efficientnet_b0"}
main=resnet50
short="--images 1024 --units 4 --networks 1 --train-images 2048 --epochs 3"
case "${2:-}" in
    --toy) toy="--device cpu --toy"; main=resnet18; networks=${NETWORKS-"efficientnet_b0"}; short="--engine torch" ;;
    "") toy="" ;;
    *) echo "expected --toy or nothing, got $2" >&2; exit 2 ;;
esac
mkdir -p "$out" || exit 2
began=$(date +%s)
failed=0

step() {  # NAME SECONDS COMMAND...: run it, cut off after so many seconds or when the time is over
    name=$1; most=$2; shift 2
    left=$((all - $(date +%s) + began))
    if [ "$left" -lt 15 ]; then
        printf '%s\tnot begun\t0\n' "$name" >> "$out/steps.tsv"
        return
    fi
    if [ "$left" -lt "$most" ]; then most=$left; fi
    start=$(date +%s)
    timeout -k 5 "$most" "$@" > "$out/$name.txt" 2>&1
    status=$?
    printf '%s\t%s\t%s\n' "$name" "$status" "$(($(date +%s) - start))" | tee -a "$out/steps.tsv"
    if [ "$status" -ne 0 ]; then failed=1; tail -5 "$out/$name.txt"; fi
}

rm -f "$out/steps.tsv"
step host 20 sh -c "nvidia-smi 2>&1 || true; $python -m platform; $python -m pip list 2>/dev/null || true"
# No plugin loads itself: the host has others than the project's tests are made for.
export PYTEST_DISABLE_PLUGIN_AUTOLOAD=1
step tests 170 "$python" -m pytest -q -rs -s -p no:cacheprovider -c bench/gpu_session.ini --rootdir=. \
    --junitxml="$out/tests.xml" -m gpu tests/sweep/test_train_gpu.py tests/sweep/test_engines.py
step "$main" 280 "$python" -m bench.gpu $toy --architecture "$main" --json "$out/$main.json"
for network in $networks; do
    step "$network" 120 "$python" -m bench.gpu $toy --architecture "$network" $short --json "$out/$network.json"
done
exit "$failed"
