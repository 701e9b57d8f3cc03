package machine

import (
	"io/fs"
	"path"
	"strings"
)

// A block is what /sys says of a block device; empty and nil are unknown.
type block struct {
	name       string // vda1
	rotational *bool
	scheduler  string
	writeCache string
}

// readBlock describes the device of a mount.
func readBlock(r root, m mount) block {
	dir := blockDir(r, m)
	if dir == "" {
		return block{}
	}
	b := block{name: path.Base(dir)}
	// A partition has no queue of its own; its parent is the disk.
	if !r.has(dir + "/queue") {
		dir = path.Dir(dir)
	}
	switch r.text(dir + "/queue/rotational") {
	case "0":
		b.rotational = new(false)
	case "1":
		b.rotational = new(true)
	}
	b.scheduler = chosen(r.text(dir + "/queue/scheduler"))
	b.writeCache = r.text(dir + "/queue/write_cache")
	return b
}

// blockDir finds the directory of a device in /sys by its number, and for file
// systems whose number is no device's (btrfs) by the name it was mounted from.
func blockDir(r root, m mount) string {
	if dir := follow(r, "sys/dev/block", m.device); dir != "" {
		return dir
	}
	source, ok := strings.CutPrefix(m.source, "/dev/")
	if !ok || !fs.ValidPath(source) {
		return ""
	}
	// /dev/mapper/data is a link to ../dm-0.
	if target, err := fs.ReadLink(r.FS, "dev/"+source); err == nil {
		source = target
	}
	return follow(r, "sys/class/block", path.Base(source))
}

// follow returns where the relative link dir/name leads, or "".
func follow(r root, dir, name string) string {
	if name == "" || strings.Contains(name, "/") {
		return ""
	}
	target, err := fs.ReadLink(r.FS, dir+"/"+name)
	if err != nil || path.IsAbs(target) {
		return ""
	}
	target = path.Join(dir, target)
	if !fs.ValidPath(target) {
		return ""
	}
	return target
}

// chosen returns the word in brackets of the kernel's menus, such as
// "none [mq-deadline] bfq", or all of a text that is none.
func chosen(menu string) string {
	if _, rest, ok := strings.Cut(menu, "["); ok {
		if word, _, ok := strings.Cut(rest, "]"); ok {
			return word
		}
	}
	return menu
}
