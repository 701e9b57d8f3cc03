package compress

import (
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// checkFrame sees to it that src is one zstd frame as Compress writes it, of a
// content of n bytes and nothing behind: the library would also read several,
// skip some, and take memory for windows that a frame says it needs.
func checkFrame(src []byte, n int) error {
	var h zstd.Header
	if err := h.Decode(src); err != nil {
		return err
	}
	switch {
	case h.Skippable || !h.SingleSegment || h.HasCheckSum || h.DictionaryID != 0:
		return errors.New("frame is of a sort that is not written")
	case h.FrameContentSize != uint64(n):
		return fmt.Errorf("frame has a content of %d bytes", h.FrameContentSize)
	}
	const (
		header = 3 // last: 1 bit, kind: 2 bits, length: 21 bits
		run    = 1 // the kind of a byte that is repeated
	)
	rest := src[h.HeaderSize:]
	for last := false; !last; {
		if len(rest) < header {
			return errors.New("frame is cut")
		}
		word := int(rest[0]) | int(rest[1])<<8 | int(rest[2])<<16
		length := word >> 3
		if word>>1&3 == run {
			length = 1
		}
		if len(rest)-header < length {
			return errors.New("frame is cut")
		}
		rest = rest[header+length:]
		last = word&1 != 0
	}
	if len(rest) > 0 {
		return fmt.Errorf("%d bytes follow the frame", len(rest))
	}
	return nil
}
