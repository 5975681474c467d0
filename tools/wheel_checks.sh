#!/usr/bin/env bash
# The wheel as people install it: the base alone, the lowest versions, everything.
# Needs the archive of `make nightly`. $1 is a Python that has `build`.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1
site=$PWD/examples/site
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TOKIO_ARCHIVE=$site/archive PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_QUIET=2 PIP_ONLY_BINARY=:all:

step() { printf '\n== %s (%s s)\n' "$*" "$SECONDS"; }
fail() { printf 'wheel-checks: %s\n' "$*" >&2; exit 1; }
holds() { grep -qF -- "$2" "$work/$1" || { cat "$work/$1"; fail "expected in $1: $2"; }; }
environment() { "$python" -m venv "$work/$1"; "$work/$1/bin/pip" install --no-compile "${@:2}"; }
# The command's output and exit code, which must be $2 and without a traceback
run() {
    local name=$1 expected=$2 code=0
    shift 2
    "$@" >"$work/$name" 2>&1 || code=$?
    [ "$code" = "$expected" ] || { cat "$work/$name"; fail "exit code $code, not $expected: $*"; }
    if grep -q '^Traceback' "$work/$name"; then cat "$work/$name"; fail "a traceback: $*"; fi
}

step 'build the wheel, and look at what is in it'
# from a copy, so that nothing of an earlier build gets into it
mkdir "$work/source"
cp -r setup.cfg pyproject.toml README.md LICENSE archive_tools pipeline "$work/source"
find "$work/source" -name __pycache__ -prune -exec rm -r {} +
"$python" -m build --wheel --outdir "$work/dist" "$work/source" >"$work/build.log" 2>&1 || { cat "$work/build.log"; fail 'no wheel'; }
wheel=$(echo "$work"/dist/*.whl)
"$python" -m zipfile --list "$wheel" >"$work/content"
for path in archive_tools/py.typed pipeline/py.typed archive_tools/schemas/tts-1.toml archive_tools/schemas/darshan_index.sql \
    archive_tools/reporting/templates/day.html pipeline/schemas/sources/lmt.toml; do
    holds content "$path"
done
! grep -E '(^| )(tests|tools|benchmarks|examples)/' "$work/content" || fail 'the wheel has what it must not have'
for path in $(cd "$work/source" && find archive_tools pipeline -type f ! -path "*.egg-info*"); do holds content "$path"; done

step 'the base alone reads an archive'
environment base "$wheel"
bin=$work/base/bin
cd "$work/dist" # not the checkout: the installed package is meant
run version 0 "$bin/tokio-archive" --version
holds version 'tokio-archive '
run ls 0 "$bin/tokio-archive" ls
holds ls scratch
run summarize 0 "$bin/tokio-archive" summarize scratch 2026-11-22
holds summarize datatargets/writebytes
run jobs 0 "$bin/tokio-archive" jobs 2026-11-22 --limit 5
holds jobs user
for format in csv json parquet; do
    run "cat.$format" 0 "$bin/tokio-archive" cat scratch datatargets/writebytes 2026-11-22T07:00 2026-11-22T07:01 \
        --format "$format" --output "$work/cells.$format"
done
run check 0 "$bin/tokio-archive" check
run python 0 "$bin/python" -c "
import archive_tools
archive = archive_tools.Archive('$TOKIO_ARCHIVE')
frame = archive.to_dataframe('scratch', 'datatargets/writebytes', '2026-11-22T07:00', '2026-11-22T08:00')
print(frame.shape)"
holds python '(720, '

step 'the base alone imports every module, and says which extra to install'
run imports 0 "$bin/python" -c "
import importlib, pkgutil
import archive_tools, pipeline
for package in archive_tools, pipeline:
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):
        if module.name not in ('pipeline.testing.contract', 'pipeline.testing.log_contract', 'pipeline.testing.record_contract'):  # tests: pytest
            importlib.import_module(module.name)"
run plot 1 "$bin/tokio-archive" plot scratch datatargets/writebytes --start 2026-11-22 --output "$work/plot.png"
holds plot "pip install 'tokio-archive[plots]'"
run bad-osts 1 "$bin/tokio-archive" bad-osts "$TOKIO_ARCHIVE/2026/2026-11-22/darshan.hdf5"
holds bad-osts "pip install 'tokio-archive[analysis]'"
run check-config 1 "$bin/tokio-pipeline" check-config --site "$site/site.json"
holds check-config "pip install 'tokio-archive[lmt]'"
holds check-config "pip install 'tokio-archive[darshan]'"

step 'the extras of the example site bring its day into an archive; without pages the day'"'"'s page says so'
cp -r "$site" "$work/site"
rm -rf "$work/site/archive"
"$bin/pip" install --no-compile "$wheel[lmt]"
run nightly 1 "$bin/tokio-pipeline" nightly --site "$work/site/site.json" --date 2026-11-22
holds nightly 'scratch          complete'
holds nightly "pip install 'tokio-archive[darshan]'"
holds site/archive/2026/2026-11-22/report.html 'Pictures cannot be zoomed'

step 'everything, in the versions and with the hashes of the container'
"$bin/pip" install --no-compile --require-hashes -r "$OLDPWD/container-requirements.txt"
run pip-check 0 "$bin/pip" check
run all-config 0 "$bin/tokio-pipeline" check-config --site "$site/site.json"
run all-plot 0 "$bin/tokio-archive" plot scratch datatargets/writebytes --start 2026-11-22 --output "$work/plot.png"
run all-nightly 0 "$bin/tokio-pipeline" nightly --site "$work/site/site.json" --date 2026-11-22
for program in tokio-pipeline tokio-archive; do
    run "$program.help" 0 "$bin/$program" --help
    for command in $(sed -n '/^commands:/,/^$/s/^  \([a-z-]*\)  .*/\1/p' "$work/$program.help"); do
        run "$program.$command.help" 0 "$bin/$program" "$command" --help
        echo "$program $command --help"
    done
done
for program in summarize_tts summarize_h5lmt summarize_job find_darshanlogs darshan_scoreboard index_darshanlogs cache_darshanlogs.py summarize_darshanlogs.py; do
    run "$program.help" 0 "$bin/$program" --help
done
cd "$OLDPWD"
rm -r "$work/base" # a gigabyte

step 'the lowest versions that setup.cfg allows, with some of the tests'
"$python" tools/lower_bounds.py >"$work/lowest.txt"
environment lowest --constraint "$work/lowest.txt" "$wheel[all]" pytest pytest-xdist hypothesis
# warnings of old versions about this Python are not ours
run lowest-tests 0 "$work/lowest/bin/pytest" --quiet -n 2 -p no:cacheprovider --hypothesis-profile=ci --override-ini addopts= --override-ini filterwarnings= \
    tests/core tests/formats/test_tts.py tests/formats/test_old_files.py tests/reading/test_ranges.py tests/transform/test_grid.py \
    tests/sources/test_lmt.py tests/sources/test_darshan.py tests/plotting/test_plots.py \
    -k 'not conserve and not largest'
tail -n 1 "$work/lowest-tests"

step "wheel-checks: all is well"
