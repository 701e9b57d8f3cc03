// Package record is the bytes of an op: what the log of the hash engine holds,
// and what its index points to.
//
//   - record.go: the frame (byte table), Append, MarkColliding, KindByte,
//     Length, Split, Parse
package record
