#!/bin/sh
# usage: read-shard.sh LIST OUT SHARDS MODEL
#
# Answers every SHARDS-th line of LIST, those of shard $JOB_COMPLETION_INDEX (from 0 on), in OUT/INDEX.jsonl. A shard that was
# interrupted goes on after the last whole line it has written; one that is there is done.
set -eu
[ $# -eq 4 ] || { echo "usage: read-shard.sh LIST OUT SHARDS MODEL" >&2; exit 2; }
list=$1 out=$2 shards=$3 model=$4
index=${JOB_COMPLETION_INDEX:?"Kubernetes sets it for pods of an Indexed Job"}
[ -r "$list" ] || { echo "$list cannot be read" >&2; exit 1; }

if [ -e "$out/$index.jsonl" ]; then exit 0; fi
mkdir -p "$out"
part=$out/$index.jsonl.part
touch "$part"
# A line that was cut off while it was written has no end: it is left out.
answered=$(wc -l < "$part")
head -n "$answered" "$part" > "$part.whole"
mv "$part.whole" "$part"

own() { awk -v n="$shards" -v i="$index" -v skip="$1" 'NR % n == i && seen++ >= skip' "$list"; }
# Every line has one line as its answer, an error's or another's, which --keep-going and exit code 0 say.
own "$answered" | tfjs-to-onnx infer - --json --keep-going --threads 1 --workers 0 --model "$model" >> "$part"
wanted=$(own 0 | wc -l)
written=$(wc -l < "$part")
[ "$written" -eq "$wanted" ] || { echo "shard $index has $written answers to $wanted lines" >&2; exit 1; }
mv "$part" "$out/$index.jsonl"
