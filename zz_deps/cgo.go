//go:build rocksdb || lmdb

package deps

import (
	_ "github.com/PowerDNS/lmdb-go/lmdb"
	_ "github.com/linxGnu/grocksdb"
)
