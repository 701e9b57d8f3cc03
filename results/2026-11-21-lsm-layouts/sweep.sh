#!/bin/sh
# Runs the sweep, in this directory: five layouts, size ratios 4 and 10.
# fifo does less: it has a run for each flush, which every get asks.
set -e
sweep() {
	kvbench run lsm -w overwrite-hashed.properties,gets.properties,absent.properties,scans.properties \
		--threads 1 --duration 0 --warmup 0 --reps 1 --durability none --settle 60s \
		--calibrate 0 --timing sample:16 --verify off --no-progress \
		--set lsm.memtable_bytes=128k --set lsm.memory_bytes=2m --set lsm.table_bytes=128k \
		--set lsm.base_bytes=512k --set lsm.cache_bytes=64m \
		--set lsm.layout="$1" --set lsm.size_ratio="$2" --dir data $3 --out "$1-t$2"
}
mkdir -p data
for ratio in 4 10; do
	for layout in leveled one-leveled lazy tiered; do
		sweep "$layout" "$ratio"
	done
	sweep fifo "$ratio" "--ops 200000"
done
rmdir data
