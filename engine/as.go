package engine

// Unwrapper is what a wrapper around an engine has, so that As finds the roles
// of the engine inside. A wrapper that must see every call of a role
// implements that role itself.
type Unwrapper interface{ Unwrap() Engine }

// As finds role T on e, or on what e wraps, outermost first:
//
//	s, ok := engine.As[engine.Scanner](e)
//
// A role that the outermost Caps denies is not found, whatever methods exist:
// a wrapper takes a role away by denying it in its Caps.
func As[T any](e Engine) (role T, ok bool) {
	if e == nil || !allows(e.Caps(), any((*T)(nil))) {
		return role, false
	}
	for {
		if role, ok = e.(T); ok {
			return role, true
		}
		w, wraps := e.(Unwrapper)
		if !wraps {
			return role, false
		}
		if e = w.Unwrap(); e == nil {
			return role, false
		}
	}
}

// allows reports whether c permits the role that pointer, a nil *T, names.
// Roles that Caps has no field for are permitted: having the method is enough.
func allows(c Caps, pointer any) bool {
	switch pointer.(type) {
	case *Scanner:
		return c.Ordered
	case *Snapshotter:
		return c.Snapshots
	case *UnorderedScanner:
		return c.UnorderedScan
	case *Checkpointer:
		return c.Checkpoint
	case *RangeDeleter:
		return c.RangeDelete
	case *BulkLoader:
		return c.BulkLoad
	case *Expirer:
		return c.TTL
	}
	return true
}
