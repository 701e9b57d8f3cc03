package compress

import "fmt"

// A Kind is a way to compress. The numbers are on disk.
type Kind uint8

const (
	None   Kind = 0
	Snappy Kind = 1
	LZ4    Kind = 2
	Zstd   Kind = 3
)

// Kinds are all of them.
func Kinds() []Kind { return []Kind{None, Snappy, LZ4, Zstd} }

// String returns the kind's name, which ParseKind knows.
func (k Kind) String() string {
	switch k {
	case None:
		return "none"
	case Snappy:
		return "snappy"
	case LZ4:
		return "lz4"
	case Zstd:
		return "zstd"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Valid reports whether k is one of Kinds.
func (k Kind) Valid() bool { return k <= Zstd }

// ParseKind is the kind of a name.
func ParseKind(name string) (Kind, error) {
	for _, k := range Kinds() {
		if k.String() == name {
			return k, nil
		}
	}
	return None, fmt.Errorf("compression %q is none of %v", name, Kinds())
}

// A Level is how hard zstd tries. All are read alike.
type Level uint8

const (
	Default Level = iota // like zstd -3
	Fastest              // like zstd -1
	Better               // like zstd -7
	Best                 // like zstd -11
)

// Levels are all of them, the fastest first.
func Levels() []Level { return []Level{Fastest, Default, Better, Best} }

// String returns the level's name, which ParseLevel knows.
func (l Level) String() string {
	switch l {
	case Default:
		return "default"
	case Fastest:
		return "fastest"
	case Better:
		return "better"
	case Best:
		return "best"
	}
	return fmt.Sprintf("level(%d)", uint8(l))
}

// ParseLevel is the level of a name.
func ParseLevel(name string) (Level, error) {
	for _, l := range Levels() {
		if l.String() == name {
			return l, nil
		}
	}
	return Default, fmt.Errorf("compression level %q is none of %v", name, Levels())
}
