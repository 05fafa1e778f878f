#!/bin/sh
# At training time: data, model, and the reference that is kept beside the model.
#     sh examples/credit/train.sh FOLDER
set -eu
here=$(dirname "$0")
folder=${1:?"a folder for data and reports"}

python "$here/loans.py" "$folder"
python "$here/model.py" "$folder"
driftgauge reference build "$folder/training.parquet" --out "$folder/reference.json" --force \
    --model-name credit --model-version 1 --target defaulted --prediction refused --score risk
