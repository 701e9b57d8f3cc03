package wal

import "path/filepath"

// PayloadOffset is how far behind the start of its record a payload begins in
// the segment's file.
const PayloadOffset = recordHeaderBytes

// SegmentPath is the path of a segment's file, for callers who read payloads
// themselves, also while Open is delivering them.
func SegmentPath(dir string, id uint32) string { return filepath.Join(dir, segmentName(id)) }
