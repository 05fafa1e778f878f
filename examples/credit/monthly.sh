#!/bin/sh
# Each month: check the applications, and score them only if they are what the model was trained for.
#     sh examples/credit/monthly.sh FOLDER MONTH
# Exit code 0: scored. 1: the data have changed, nothing was scored. 2: the data cannot be read.
set -u
here=$(dirname "$0")
folder=${1:?"the folder that train.sh was given"} month=${2:?"a month such as 2026-01"}

driftgauge check --reference "$folder/reference.json" --current "$folder/$month.parquet" \
    --expectations "$here/expectations.yaml" --fail-on-drift --html "$folder/check-$month.html"
code=$?
case $code in
    0) python "$here/score.py" "$folder" "$month" ;;
    1) echo "$month: stopped before scoring; look at $folder/check-$month.html" >&2; exit 1 ;;
    *) echo "$month: could not be checked, see above" >&2; exit "$code" ;;
esac
