package machine

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kvbench/kvbench/results"
)

// disks is a machine with a partition, an encrypted volume, btrfs, and mounts
// that have no device.
var disks = tree(`
== sys/dev/block/259:2 -> ../../devices/pci0000:00/nvme0/nvme0n1/nvme0n1p2
== sys/dev/block/254:0 -> ../../devices/virtual/block/dm-0
== sys/class/block/nvme0n1p2 -> ../../devices/pci0000:00/nvme0/nvme0n1/nvme0n1p2
== sys/class/block/dm-0 -> ../../devices/virtual/block/dm-0
== dev/mapper/safe -> ../dm-0
== sys/devices/pci0000:00/nvme0/nvme0n1/queue/rotational
0
== sys/devices/pci0000:00/nvme0/nvme0n1/queue/scheduler
[none] mq-deadline kyber
== sys/devices/pci0000:00/nvme0/nvme0n1/queue/write_cache
write through
== sys/devices/pci0000:00/nvme0/nvme0n1/nvme0n1p2/partition
2
== sys/devices/virtual/block/dm-0/queue/rotational
1
== sys/devices/virtual/block/dm-0/queue/write_cache
write back
`)

func TestDisksAreDescribedByTheirMount(t *testing.T) {
	for _, c := range []struct{ name, line, want string }{
		{
			"a partition is described by its disk",
			"27 1 259:2 / / rw,relatime shared:1 - ext4 /dev/root rw,discard",
			`"device":"/dev/nvme0n1p2","fs":"ext4","options":"rw,relatime,discard","total":null,"free":null,"rotational":false,"scheduler":"none","write_cache":"write through"`,
		},
		{
			"a mapped volume keeps its name",
			"27 1 254:0 / / rw,noatime - xfs /dev/mapper/safe rw,attr2",
			`"device":"/dev/mapper/safe","fs":"xfs","options":"rw,noatime,attr2","total":null,"free":null,"rotational":true,"write_cache":"write back"`,
		},
		{
			"btrfs is found by name",
			"27 1 0:31 /@ / rw - btrfs /dev/mapper/safe rw,ssd,subvol=/@home",
			`"device":"/dev/mapper/safe","fs":"btrfs","options":"rw,ssd,subvol=...","total":null,"free":null,"rotational":true,"write_cache":"write back"`,
		},
		{
			"memory has no device",
			"27 1 0:31 / / rw - tmpfs tmpfs rw,size=100k",
			`"device":"tmpfs","fs":"tmpfs","options":"rw,size=100k","total":null,"free":null,"rotational":null`,
		},
		{
			"overlays do not name directories",
			"27 1 0:50 / / rw - overlay overlay rw,lowerdir=/home/ann/l,upperdir=/home/ann/u,volatile",
			`"device":"overlay","fs":"overlay","options":"rw,lowerdir=...,upperdir=...,volatile","total":null,"free":null,"rotational":null`,
		},
		{
			"servers and people are not named",
			"27 1 0:51 / / rw - nfs4 files.example.org:/home/ann rw,vers=4.2,addr=10.0.0.7,username=ann",
			`"device":"","fs":"nfs4","options":"rw,vers=4.2,addr=...,username=...","total":null,"free":null,"rotational":null`,
		},
		{
			"a directory of the host is not named",
			"27 1 0:52 / / rw - 9p /home/ann/share rw,trans=virtio",
			`"device":"","fs":"9p","options":"rw,trans=virtio","total":null,"free":null,"rotational":null`,
		},
		{
			"a read-only mount is not writable",
			"27 1 259:2 / / ro,relatime - ext4 /dev/nvme0n1p2 rw",
			`"device":"/dev/nvme0n1p2","fs":"ext4","options":"ro,relatime","total":null,"free":null,"rotational":false,"scheduler":"none","write_cache":"write through"`,
		},
		{
			"a device that /sys hides",
			"27 1 8:9 / / rw - ext4 /dev/sdz9",
			`"device":"/dev/sdz9","fs":"ext4","options":"rw","total":null,"free":null,"rotational":null`,
		},
		{
			"a device with a strange name",
			"27 1 ../x / / rw - ext4 /dev/../../etc/passwd rw",
			`"device":"/dev/../../etc/passwd","fs":"ext4","options":"rw","total":null,"free":null,"rotational":null`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			mounts := parseMounts([]byte(c.line))
			if len(mounts) != 1 {
				t.Fatalf("%d mounts", len(mounts))
			}
			d := results.Disk{Path: "data"}
			describe(&d, disks, mounts[0])
			wantJSON(t, d, `{"path":"data",`+c.want+`}`)
		})
	}
}

func TestTheDeepestAndLastMountHoldsAPath(t *testing.T) {
	mounts := parseMounts([]byte(`27 1 8:1 / / rw - ext4 first rw
28 27 8:2 / /data rw - ext4 second rw
29 27 8:3 / /data/my\040disk\134x rw - ext4 third rw
30 28 8:4 / /data rw master:1 propagate_from:2 - ext4 fourth rw
31 27 8:5 / /database rw - ext4 fifth rw
short line
x 27 8:5 / /other rw - ext4 sixth rw
32 27 8:5 / /other rw ext4 no dash
`))
	for _, c := range []struct {
		id         int
		path, want string
	}{
		{0, "/", "first"},
		{0, "/other/x", "first"},
		{0, "/dat", "first"},
		{0, "/data", "fourth"},
		{0, "/data/x", "fourth"},
		{0, `/data/my disk\x/y`, "third"},
		{0, "/database/x", "fifth"},
		{28, "/data/x", "second"},
		{99, "/data/x", "fourth"},
	} {
		m, ok := mountOf(mounts, c.id, c.path)
		if !ok || m.source != c.want {
			t.Errorf("%d %s: %q %v, want %q", c.id, c.path, m.source, ok, c.want)
		}
	}
	if _, ok := mountOf(nil, 1, "/"); ok {
		t.Error("found a mount among none")
	}
}

func TestAPathThatDoesNotExistYetIsHeldByItsParent(t *testing.T) {
	dir := t.TempDir()
	resolved, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, filepath.Join(dir, "link")); err != nil {
		t.Skip(err)
	}
	for _, path := range []string{"", "no", "no/such/dir", "link", "link/no/such", "no/../no"} {
		got, err := nearestExisting(filepath.Join(dir, path))
		if err != nil || got != resolved {
			t.Errorf("%q: %q %v, want %q", path, got, err, resolved)
		}
	}
}

func TestTheDiskOfThisMachineIsDescribed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "not", "yet")
	d := Disk(path)
	if d.Path != path {
		t.Errorf("path %q, not as given", d.Path)
	}
	total, known := d.Total.Value()
	free, _ := d.Free.Value()
	if known && (total == 0 || free > total) {
		t.Errorf("%d of %d bytes are free", free, total)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the path was made: %v", err)
	}
}

func FuzzMountinfo(f *testing.F) {
	f.Add([]byte("27 1 259:2 / /a\\040b rw shared:1 - ext4 /dev/root rw,discard\n"))
	f.Add([]byte("27 1 0:2 / / rw - - -\n"))
	f.Add([]byte(`1 1 ../.. /\0 \ rw - \999 /dev/\1` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, m := range parseMounts(text) {
			if m.id != 0 && m.fs == "" {
				t.Errorf("a mount without a file system: %+v", m)
			}
			describe(&results.Disk{}, disks, m)
			cgroupDirs([]mount{m}, map[string]string{"": m.source, "cpu": m.root}, "cpu")
			cgroupDirs([]mount{m}, map[string]string{"": m.source, "cpu": m.root}, "")
		}
	})
}
