package lsm

import "maps"

// small are settings with which a few writes make a tree of several levels.
func small(more map[string]string) map[string]string {
	given := map[string]string{
		"memtable_bytes": "64k", "memory_bytes": "256k", "table_bytes": "4k", "base_bytes": "16k",
		"block_bytes": "512", "l0_runs": "2", "size_ratio": "3", "cache_bytes": "64k", "durability": "buffered",
	}
	maps.Copy(given, more)
	return given
}
