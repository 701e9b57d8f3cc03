package btree

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/kvbench/kvbench/btree/pace"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

const settingsDir = "/data/tree"

// settled is settle in a directory of its own, which a marker may have made.
func settled(t *testing.T, made *engine.Marker, given map[string]string) (settings, error) {
	t.Helper()
	fsys := vfs.NewMem()
	if err := fsys.MkdirAll(settingsDir); err != nil {
		t.Fatal(err)
	}
	if made != nil {
		if err := engine.WriteMarker(fsys, settingsDir, *made); err != nil {
			t.Fatal(err)
		}
	}
	return settle(fsys, settingsDir, given)
}

func TestSettingsThatAreNotGivenHaveTheirDefaults(t *testing.T) {
	got, err := settled(t, nil, nil)
	want := settings{
		Durability: engine.OS, Mode: modeWAL, PageBytes: 8192,
		CacheBytes: 256 << 20, Eviction: evictS3FIFO, CleanShare: 0.1, DirtyShare: 0.85, IO: ioPread, HugePages: true,
		Fill: 0.9, MergeBelow: 0.3, GroupOps: 4096,
		LogBytes: 256 << 20, CheckpointInterval: 30 * time.Second, CheckpointPace: 0.4, Throttle: throttleSmooth,
		ShrinkSlack: 0.25,
	}
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

func TestEverySettingSaysWhatItDoesWithinItsBounds(t *testing.T) {
	seen := make(map[string]bool)
	for _, s := range describe() {
		if seen[s.Name] {
			t.Errorf("%s is described twice", s.Name)
		}
		seen[s.Name] = true
		if s.Effect == "" {
			t.Errorf("%s has no effect", s.Name)
		}
		if s.Kind == engine.FloatSetting && (s.Unit == "" || !strings.Contains(s.Effect, "..")) {
			t.Errorf("%s is a share of what, and within which bounds", s.Name)
		}
		if fixed := s.Name == modeName || s.Name == pageBytesName; s.Fixed != fixed {
			t.Errorf("%s: fixed is %t", s.Name, s.Fixed)
		}
	}
}

func TestSettingsOutOfBoundsAreRefused(t *testing.T) {
	for _, c := range []struct{ name, value string }{
		{"page_bytes", "2k"},
		{"page_bytes", "64k"},
		{"page_bytes", "12k"},
		{"page_bytes", "8193"},
		{"mode", "inplace"},
		{"io", "uring"},
		{"eviction", "lru"},
		{"throttle", "hard"},
		{"fill", "0.49"},
		{"fill", "1.01"},
		{"merge_below", "0.46"},
		{"merge_below", "-0.1"},
		{"clean_share", "0.91"},
		{"dirty_share", "0.09"},
		{"dirty_share", "1.1"},
		{"checkpoint_pace", "1.5"},
		{"checkpoint_interval", "-1s"},
		{"log_bytes", "63k"},
		{"log_bytes", "2t"},
		{"shrink_slack", "-1"},
		{"group_ops", "0"},
		{"durability", "fast"},
		{"page_byte", "4k"},
	} {
		_, err := settled(t, nil, map[string]string{c.name: c.value})
		if !errors.Is(err, engine.ErrInvalid) || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%s = %s: %v", c.name, c.value, err)
		}
	}
}

func TestBoundsThemselvesAreAccepted(t *testing.T) {
	for _, c := range []struct{ name, value string }{
		{"page_bytes", "4k"},
		{"page_bytes", "4096"},
		{"page_bytes", "16KiB"},
		{"page_bytes", "32k"},
		{"fill", "0.5"},
		{"fill", "1"},
		{"merge_below", "0"},
		{"merge_below", "0.45"},
		{"clean_share", "0"},
		{"clean_share", "0.9"},
		{"dirty_share", "0.1"},
		{"dirty_share", "1"},
		{"checkpoint_pace", "0"},
		{"checkpoint_pace", "1"},
		{"checkpoint_interval", "0"},
		{"log_bytes", "64k"},
		{"shrink_slack", "0"},
		{"shrink_slack", "1"},
		{"group_ops", "1"},
		{"cache_bytes", "0"},
		{"durability", "none"},
	} {
		if _, err := settled(t, nil, map[string]string{c.name: c.value}); err != nil {
			t.Errorf("%s = %s: %v", c.name, c.value, err)
		}
	}
}

func TestCOWHasTheDurabilitiesNoneAndSync(t *testing.T) {
	for _, c := range []struct {
		given string
		want  engine.Durability // Default: refused
		has   engine.DurabilitySet
	}{
		{"", engine.Sync, engine.Durabilities(engine.None, engine.Sync)},
		{"sync", engine.Sync, engine.Durabilities(engine.None, engine.Sync)},
		{"none", engine.None, engine.Durabilities(engine.None)},
		{"os", engine.Default, 0},
		{"buffered", engine.Default, 0},
	} {
		given := map[string]string{"mode": modeCOW}
		if c.given != "" {
			given["durability"] = c.given
		}
		s, err := settled(t, nil, given)
		if c.want == engine.Default {
			if !errors.Is(err, engine.ErrUnsupported) || !strings.Contains(err.Error(), "mode=cow") {
				t.Errorf("durability %q: %v", c.given, err)
			}
			continue
		}
		if err != nil || s.Durability != c.want || s.caps().Durabilities != c.has {
			t.Errorf("durability %q: %v with levels %v, %v", c.given, s.Durability, s.caps().Durabilities, err)
		}
	}
}

func TestWhatIsFixedFollowsTheDirectoryUnlessItIsGiven(t *testing.T) {
	made := settings{Mode: modeCOW, PageBytes: 16384}
	marker := made.marker()
	for _, c := range []struct {
		given map[string]string
		mode  string
		bytes int
		fits  bool
	}{
		{nil, modeCOW, 16384, true},
		{map[string]string{"page_bytes": "16k"}, modeCOW, 16384, true},
		{map[string]string{"mode": "COW", "page_bytes": "16384"}, modeCOW, 16384, true},
		{map[string]string{"mode": "wal"}, modeWAL, 16384, false},
		{map[string]string{"page_bytes": "4k"}, modeCOW, 4096, false},
	} {
		given := maps.Clone(c.given)
		s, err := settled(t, &marker, given)
		if err != nil || s.Mode != c.mode || s.PageBytes != c.bytes {
			t.Errorf("%v: mode %s, %d bytes, %v", c.given, s.Mode, s.PageBytes, err)
		}
		if !maps.Equal(given, c.given) {
			t.Errorf("what was given became %v", given)
		}
		if fits := maps.Equal(s.marker().Fixed, marker.Fixed); fits != c.fits {
			t.Errorf("%v: the marker is as in the directory: %t", c.given, fits)
		}
	}
}

func TestTheMarkerOfAnotherEngineChangesNothing(t *testing.T) {
	other := engine.Marker{Engine: "bbolt", Format: 1, Fixed: map[string]string{pageBytesName: "4096", modeName: modeCOW}}
	s, err := settled(t, &other, nil)
	if err != nil || s.PageBytes != 8192 || s.Mode != modeWAL {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestAMarkerThatCannotBeReadIsLeftToWhoOpens(t *testing.T) {
	fsys := vfs.NewMem()
	if err := fsys.MkdirAll(settingsDir); err != nil {
		t.Fatal(err)
	}
	f, err := fsys.Create(settingsDir + "/" + engine.MarkerName)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("nonsense")); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := settle(fsys, settingsDir, nil); err != nil {
		t.Errorf("settings: %v", err)
	}
	if _, err := open(settingsDir, nil, engine.Env{FS: fsys}); !errors.Is(err, engine.ErrCorrupt) {
		t.Errorf("open: %v", err)
	}
}

func TestKeysMayHaveAnEighthOfAPage(t *testing.T) {
	for _, bytes := range []int{4096, 8192, 16384, 32768} {
		s := settings{Mode: modeWAL, PageBytes: bytes, Durability: engine.OS}
		c := s.caps()
		if c.MaxKey != bytes/8 {
			t.Errorf("pages of %d bytes: keys of %d", bytes, c.MaxKey)
		}
		if want := engine.Durabilities(engine.None, engine.Buffered, engine.OS, engine.Sync); c.Durabilities != want {
			t.Errorf("levels %v", c.Durabilities)
		}
	}
}

func TestThePoolHasTheCacheBytesAndAtLeastAFewFrames(t *testing.T) {
	for _, c := range []struct {
		cache int64
		page  int
		want  int
	}{
		{0, 8192, minFrames},
		{100 * 8192, 8192, 100},
		{101*8192 - 1, 8192, 100},
		{1 << 20, 32768, minFrames},
		{256 << 20, 4096, 65536},
		{1 << 60, 4096, 1<<31 - 1},
	} {
		s := settings{CacheBytes: c.cache, PageBytes: c.page}
		if got := s.frames(); got != c.want {
			t.Errorf("%d bytes in pages of %d: %d frames, want %d", c.cache, c.page, got, c.want)
		}
	}
}

func TestWithoutALogItsLengthDoesNotBeginCheckpoints(t *testing.T) {
	for _, c := range []struct {
		mode  string
		level engine.Durability
		want  int64
	}{
		{modeWAL, engine.OS, 1 << 20},
		{modeWAL, engine.Sync, 1 << 20},
		{modeWAL, engine.None, 0},
		{modeCOW, engine.Sync, 0},
		{modeCOW, engine.None, 0},
	} {
		s := settings{
			Mode: c.mode, Durability: c.level, LogBytes: 1 << 20, CheckpointInterval: time.Minute,
			CheckpointPace: 0.25, DirtyShare: 0.5, CleanShare: 0.75,
		}
		want := pace.Options{LogBytes: c.want, Interval: time.Minute, Pace: 0.25, DirtyShare: 0.5, CleanShare: 0.75}
		if got := s.pacing(); got != want {
			t.Errorf("%s at %v: %+v", c.mode, c.level, got)
		}
	}
}
