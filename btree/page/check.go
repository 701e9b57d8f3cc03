package page

// Check reads all of a page, and reports a *DamageError if something is not as
// this package would leave it. It does not look at the checksum, nor at the
// bodies of maps and directories.
func Check(p []byte) error {
	if len(p) < MinPageBytes || len(p) > MaxPageBytes || len(p)&(len(p)-1) != 0 {
		return damage(0, "is %d bytes", len(p))
	}
	return nil
}
