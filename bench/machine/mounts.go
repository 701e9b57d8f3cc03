package machine

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// A mount is a line of /proc/self/mountinfo (proc_pid_mountinfo(5)).
type mount struct {
	id      int
	device  string // major:minor
	root    string // of the mount, within its file system
	point   string
	options string // of the mount
	fs      string
	source  string
	super   string // options of the file system
}

// parseMounts reads mountinfo and skips lines that are not well-formed.
//
//	27 1 254:0 / /mnt/data rw,relatime shared:1 - ext4 /dev/vda rw,discard
//	id parent device root point options tags...- fs source super
func parseMounts(mountinfo []byte) []mount {
	var mounts []mount
	for line := range bytes.Lines(mountinfo) {
		words := strings.Fields(string(line))
		dash := slices.Index(words, "-")
		if dash < 6 || len(words) < dash+3 {
			continue
		}
		id, err := strconv.Atoi(words[0])
		if err != nil {
			continue
		}
		m := mount{
			id: id, device: words[2],
			root: unescape(words[3]), point: unescape(words[4]), options: words[5],
			fs: words[dash+1], source: unescape(words[dash+2]),
		}
		if len(words) > dash+3 {
			m.super = words[dash+3]
		}
		mounts = append(mounts, m)
	}
	return mounts
}

// unescape undoes the kernel's octal escapes of space, tab, newline and
// backslash.
func unescape(word string) string {
	if !strings.Contains(word, `\`) {
		return word
	}
	var b strings.Builder
	for i := 0; i < len(word); i++ {
		if word[i] == '\\' && i+4 <= len(word) {
			if c, err := strconv.ParseUint(word[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(word[i])
	}
	return b.String()
}

// mountOf returns the mount that holds the resolved absolute path. An id of 0
// is unknown; the deepest mount point above path decides then, and of several
// at one point the last, which covers the others.
func mountOf(mounts []mount, id int, path string) (mount, bool) {
	if id != 0 {
		for _, m := range mounts {
			if m.id == id {
				return m, true
			}
		}
	}
	var best mount
	found := false
	for _, m := range mounts {
		if isBelow(path, m.point) && (!found || len(m.point) >= len(best.point)) {
			best, found = m, true
		}
	}
	return best, found
}

// isBelow tells whether path is dir or within it; both are absolute and clean.
func isBelow(path, dir string) bool {
	return dir == "/" || path == dir || strings.HasPrefix(path, dir+"/")
}

// allOptions joins the options of a mount and of its file system. Values that
// are paths, names or addresses are left out.
func (m mount) allOptions() string {
	var all distinct
	for option := range strings.SplitSeq(m.options+","+m.super, ",") {
		if key, value, ok := strings.Cut(option, "="); ok && isPrivate(key, value) {
			option = key + "=..."
		}
		all.add(option)
	}
	// A read-only mount of a writable file system is read-only.
	if slices.Contains(all, "ro") {
		all = slices.DeleteFunc(all, func(option string) bool { return option == "rw" })
	}
	return strings.Join(all, ",")
}

func isPrivate(key, value string) bool {
	switch key {
	case "user", "username", "domain", "name", "addr", "clientaddr", "mountaddr", "mon_addr", "srcaddr":
		return true
	}
	return strings.ContainsAny(value, "/@\\")
}

// publicSource returns the source of a mount when it is a device or a plain
// name (tmpfs, a ZFS data set); a server or a path of the host is left out.
func (m mount) publicSource() string {
	isDevice := strings.HasPrefix(m.source, "/dev/")
	if !isDevice && (strings.HasPrefix(m.source, "/") || strings.ContainsAny(m.source, ":@\\")) {
		return ""
	}
	return m.source
}
