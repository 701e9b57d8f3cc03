package store

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"hash/crc32"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/btree/mapping"
	"github.com/kvbench/kvbench/btree/page"
)

var update = flag.Bool("update", false, "rewrite golden files")

// sample has another value in each field.
func sample() Superblock {
	return Superblock{
		Generation: 0x1112131415161718, PageBytes: 8192,
		LogFrom: 0x2122232425262728, LogThrough: 0x3132333435363738, Logged: true, Cow: true,
		Stamp: 0x4142434445464748, Keys: 0x5152535455565758, LiveBytes: 0x6162636465666768,
		Pages: 0x172839, Slots: 0x123456789,
		Directories: []Ref{mapping.OnDisk(0x111111111, 0x7654321), mapping.OnDisk(0x122222222, 0x1234567)},
	}
}

// sampleMap is a page that DecodeMap takes as number 3, of 3*1018+5 pages.
func sampleMap() []byte {
	p := make([]byte, 8192)
	EncodeMap(p, 3, func(i int) mapping.Entry {
		if i < 5 && i != 2 {
			return mapping.OnDisk(uint64(100+i), uint32(0x1000+i))
		}
		return 0
	})
	Seal(p, 77)
	return p
}

// sampleDirectory is number 1, of 1018+3 map pages.
func sampleDirectory() []byte {
	p := make([]byte, 8192)
	EncodeDirectory(p, 1, func(i int) Ref {
		if i < 3 {
			return mapping.OnDisk(uint64(200+i), uint32(0x2000+i))
		}
		return 0
	})
	Seal(p, 78)
	return p
}

func mustEncode(t testing.TB, sb Superblock) *superblock {
	t.Helper()
	b, err := sb.encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	text := squeeze(hex.Dump(got))
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s: is\n%swant\n%s", name, text, want)
	}
}

// squeeze leaves out lines of zeros: an offset tells that some are missing.
func squeeze(dump string) string {
	var b strings.Builder
	for line := range strings.Lines(dump) {
		if len(line) < 60 || !strings.Contains(line, strings.Repeat("00 ", 8)+" "+strings.Repeat("00 ", 8)) {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestTheFormatIsThatOfTheGoldenFiles(t *testing.T) {
	golden(t, "superblock.hex", mustEncode(t, sample())[:])
	golden(t, "map.hex", sampleMap())
	golden(t, "directory.hex", sampleDirectory())
}

func TestASuperblockSaysWhatItSaid(t *testing.T) {
	for _, change := range []func(sb *Superblock){
		func(*Superblock) {},
		func(sb *Superblock) { sb.Logged = false },
		func(sb *Superblock) { sb.Cow = false },
		func(sb *Superblock) { sb.Generation, sb.Pages, sb.Directories = 1, 1, sb.Directories[:1] },
		func(sb *Superblock) {
			sb.Pages = uint32(min(MaxPages(8192), 1<<32-1))
			for len(sb.Directories) < up(up(int(sb.Pages), 1018), 1018) {
				sb.Directories = append(sb.Directories, sb.Directories[0])
			}
		},
	} {
		want := sample()
		change(&want)
		got, err := mustEncode(t, want).decode()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
	}
}

// resealed makes the checksum right again.
func resealed(b superblock) *superblock {
	binary.LittleEndian.PutUint32(b[crcAt:], b.checksum())
	return &b
}

func TestADamagedFieldOfASuperblockIsNamed(t *testing.T) {
	good := mustEncode(t, sample())
	for _, c := range []struct {
		field string
		at    int
		value uint64
		bytes int
		want  string // "": it is another superblock, if the checksum is right
	}{
		{"magic", 0, 1, 8, "magic"},
		{"version", 8, 2, 4, "format version is 2"},
		{"page bytes", 12, 2048, 4, "pages of 2048 bytes"},
		{"page bytes", 12, 12288, 4, "pages of 12288 bytes"},
		{"page bytes", 12, 65536, 4, "pages of 65536 bytes"},
		{"page bytes", 12, 0, 4, "pages of 0 bytes"},
		{"generation", 16, 0, 8, "generation is 0"},
		{"generation", 16, 9, 8, ""},
		{"log from", 24, 9, 8, ""},
		{"log through", 32, 9, 8, ""},
		{"stamp", 40, 9, 8, ""},
		{"slots", 48, 0x122222222, 8, "past the end"},
		{"slots", 48, 1, 8, "length of 1 slots"},
		{"slots", 48, 1<<36 + 1, 8, "slots, want"},
		{"keys", 56, 9, 8, ""},
		{"live bytes", 64, 9, 8, ""},
		{"pages", 72, 0, 4, "no page"},
		{"pages", 72, 5, 4, "2 directory pages, 5 pages need 1"},
		{"pages", 72, 1 << 31, 4, "pages"},
		{"flags", 76, 4, 4, "flags are 0x4"},
		{"flags", 76, 1, 4, ""},
		{"directories", 80, 1, 4, "no meaning"},
		{"directories", 80, 3, 4, "3 directory pages"},
		{"directories", 80, 501, 4, "501 directory pages"},
		{"-", 84, 1, 4, "no meaning"},
		{"ref", 88, 0, 8, "directory page 0: none"},
		{"ref", 96, 1 << 63, 8, "directory page 1: frame 0"},
		{"ref", 96, 0x123456789, 8, "past the end"},
		{"ref not used", 104, 1, 8, "no meaning"},
		{"last ref", 4080, 1, 8, "no meaning"},
		{"-", 4088, 1, 4, "no meaning"},
	} {
		b := *good
		var v [8]byte
		binary.LittleEndian.PutUint64(v[:], c.value)
		copy(b[c.at:c.at+c.bytes], v[:])
		got, err := resealed(b).decode()
		if c.want == "" {
			if err != nil || reflect.DeepEqual(got, sample()) {
				t.Errorf("%s at %d: %+v, %v", c.field, c.at, got, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s at %d = %#x: %v, want %q", c.field, c.at, c.value, err, c.want)
		}
		if c.at >= 12 {
			if _, err := b.decode(); err == nil || !strings.Contains(err.Error(), "checksum") {
				t.Errorf("%s at %d with the old checksum: %v", c.field, c.at, err)
			}
		}
	}
}

func TestEveryChangedByteOfASuperblockIsDamage(t *testing.T) {
	good := mustEncode(t, sample())
	for i := range good {
		for _, bit := range []byte{1, 0x80, 0xff} {
			b := *good
			b[i] ^= bit
			if got, err := b.decode(); err == nil {
				t.Fatalf("byte %d ^ %#x reads as %+v", i, bit, got)
			}
		}
	}
}

func TestASuperblockThatCannotBeReadIsNotMade(t *testing.T) {
	for _, change := range []func(sb *Superblock){
		func(sb *Superblock) { sb.PageBytes = 1000 },
		func(sb *Superblock) { sb.Generation = 0 },
		func(sb *Superblock) { sb.Pages = 0 },
		func(sb *Superblock) { sb.Pages = 1 },
		func(sb *Superblock) { sb.Slots = 1 },
		func(sb *Superblock) { sb.Directories = sb.Directories[:1] },
		func(sb *Superblock) { sb.Directories[1] = 0 },
		func(sb *Superblock) { sb.Directories[1] = mapping.Resident(5) },
	} {
		sb := sample()
		change(&sb)
		if _, err := sb.encode(); err == nil {
			t.Errorf("%+v", sb)
		}
	}
}

type entryAt struct {
	at uint64
	e  mapping.Entry
}

func decodeMap(p []byte, n int, pages uint32, slots uint64) (got []entryAt, err error) {
	err = DecodeMap(p, n, pages, slots, func(id uint32, e mapping.Entry) error {
		got = append(got, entryAt{uint64(id), e})
		return nil
	})
	return got, err
}

func decodeDirectory(p []byte, n, maps int, slots uint64) (got []entryAt, err error) {
	err = DecodeDirectory(p, n, maps, slots, func(m int, ref Ref) error {
		got = append(got, entryAt{uint64(m), ref})
		return nil
	})
	return got, err
}

func TestMapAndDirectoryPagesSayWhatTheySaid(t *testing.T) {
	got, err := decodeMap(sampleMap(), 3, 3*1018+5, 105)
	var want []entryAt
	for _, i := range []int{0, 1, 3, 4} {
		want = append(want, entryAt{uint64(3*1018 + 1 + i), mapping.OnDisk(uint64(100+i), uint32(0x1000+i))})
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	got, err = decodeDirectory(sampleDirectory(), 1, 1018+3, 203)
	want = nil
	for i := range 3 {
		want = append(want, entryAt{uint64(1018 + i), mapping.OnDisk(uint64(200+i), uint32(0x2000+i))})
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}

func TestAFullMapPageHasAllItsEntries(t *testing.T) {
	for _, pageBytes := range []int{4096, 8192, 16384, 32768} {
		p := make([]byte, pageBytes)
		EncodeMap(p, 2, func(i int) mapping.Entry { return mapping.OnDisk(uint64(i+10), uint32(i)) })
		room := MapRoom(pageBytes)
		got, err := decodeMap(p, 2, 1<<32-1, uint64(room+10))
		if err != nil || len(got) != room || room != (pageBytes-page.HeaderBytes)/8 {
			t.Fatal(pageBytes, len(got), err)
		}
		for i, x := range got {
			n, at := MapOf(pageBytes, uint32(x.at))
			if x.e.Slot() != uint64(i+10) || n != 2 || at != i || uint64(FirstID(pageBytes, 2))+uint64(i) != x.at {
				t.Fatal(pageBytes, i, x, n, at)
			}
		}
	}
}

func TestADamagedMapPageIsNamed(t *testing.T) {
	const pages, slots = 3*1018 + 5, 105
	for _, c := range []struct {
		change func(p []byte)
		want   string
	}{
		{func(p []byte) { page.Init(p, page.Directory, 4) }, "kind of the page is directory, want map"},
		{func(p []byte) { page.SetID(p, 5) }, "number of the page is 4, want 3"},
		{func(p []byte) { page.SetCount(p, 5) }, "4 entries are not 0, the header says 5"},
		{func(p []byte) { clear(p[page.HeaderBytes:][:8]) }, "3 entries are not 0"},
		{func(p []byte) { p[page.HeaderBytes] = 105 }, "entry 0: slot 105 (check 0x1000) is past the end"},
		{func(p []byte) { p[page.HeaderBytes] = 0 }, "where superblocks are"},
		{func(p []byte) { p[page.HeaderBytes+7] |= 0x80 }, "entry 0: frame"},
		{func(p []byte) { p[page.HeaderBytes+5*8] = 100 }, "behind the last"},
		{func(p []byte) { p[len(p)-1] = 1 }, "behind the last"},
	} {
		p := sampleMap()
		c.change(p)
		if got, err := decodeMap(p, 3, pages, slots); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, %v, want %q", got, err, c.want)
		}
	}
	p := sampleDirectory()
	clear(p[page.HeaderBytes:][:8])
	page.SetCount(p, 2)
	if got, err := decodeDirectory(p, 1, 1018+3, 203); err == nil || !strings.Contains(err.Error(), "no map page 1018") {
		t.Errorf("%v, %v", got, err)
	}
}

// TestTheNumbersOfTheSizesHoldTogether: what a superblock can reach is what
// its directories can.
func TestTheNumbersOfTheSizesHoldTogether(t *testing.T) {
	if refsAt+maxRefs*refBytes > crcAt-4 || len(superblock{}) != crcAt+crc32.Size {
		t.Error("refs and crc overlap")
	}
	for pageBytes, want := range map[int]uint64{4096: 506 * 506 * 500, 8192: 1018 * 1018 * 500, 16384: 2042 * 2042 * 500, 32768: 1<<32 - 1} {
		most := MaxPages(pageBytes)
		if most != want {
			t.Errorf("%d pages of %d bytes, want %d", most, pageBytes, want)
		}
		if _, n := MapPages(pageBytes, uint32(most)); n > maxRefs {
			t.Errorf("%d directory pages of %d bytes", n, pageBytes)
		}
		if Reserved(pageBytes)*uint64(pageBytes) < 2*blockBytes {
			t.Errorf("superblocks and pages of %d bytes overlap", pageBytes)
		}
	}
}

func FuzzSuperblock(f *testing.F) {
	f.Add(mustEncode(f, sample())[:])
	f.Add(make([]byte, blockBytes))
	f.Fuzz(func(t *testing.T, p []byte) {
		var b superblock
		copy(b[:], p)
		for _, b := range []*superblock{&b, resealed(b)} {
			sb, err := b.decode()
			if err != nil {
				continue
			}
			if again := mustEncode(t, sb); *again != *b {
				t.Errorf("%+v is written as something else", sb)
			}
		}
	})
}

func FuzzMapAndDirectoryPages(f *testing.F) {
	f.Add(sampleMap(), 3, uint32(3*1018+5), uint64(105))
	f.Add(sampleDirectory(), 1, uint32(1018+3), uint64(203))
	f.Fuzz(func(t *testing.T, seed []byte, n int, pages uint32, slots uint64) {
		p := make([]byte, 8192)
		copy(p, seed)
		n = int(uint16(n))
		for _, decode := range []func() ([]entryAt, error){
			func() ([]entryAt, error) { return decodeMap(p, n, pages, slots) },
			func() ([]entryAt, error) { return decodeDirectory(p, n, int(pages), slots) },
		} {
			got, err := decode()
			if err != nil {
				continue
			}
			for i, x := range got {
				if x.e == 0 || x.e.Resident() || x.e.Slot() == 0 || x.e.Slot() >= slots || i > 0 && x.at <= got[i-1].at {
					t.Fatal(x)
				}
			}
			if len(got) != page.Count(p) {
				t.Fatal(len(got), page.Count(p))
			}
			if page.KindOf(p) == page.Map {
				again := bytes.Clone(p)
				EncodeMap(again, n, func(i int) mapping.Entry {
					return mapping.Entry(binary.LittleEndian.Uint64(p[page.HeaderBytes+8*i:]))
				})
				if !bytes.Equal(again[page.HeaderBytes:], p[page.HeaderBytes:]) {
					t.Fatal("written as something else")
				}
			}
		}
	})
}
