// Package examine is the frame of what reads a directory by itself, without
// opening its engine: Verify and Inspect. It opens the directory as a reader,
// and turns errors into problems, so that its user goes on where the engine
// would give up.
//
//	d, err := examine.Open(ctx, env.FS, dir, marker(), report, "MANIFEST")
//	if err != nil {
//		return err // it could not look: no such directory, another engine's, open
//	}
//	defer d.Close()
//	if err := read(d.Path("MANIFEST")); err != nil {
//		if err := d.Found(d.Path("MANIFEST"), err, ""); err != nil {
//			return err // the context has ended
//		}
//	}
package examine
