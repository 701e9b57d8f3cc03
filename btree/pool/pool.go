package pool

import (
	"fmt"
	"math/bits"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/engine/offheap"
)

// Options describe a pool. PageBytes, Frames and Domain must be given.
type Options struct {
	PageBytes int    // of each frame: a power of two, 64 to 1 MiB
	Frames    int    // that Take gives out, at most
	Reserve   int    // further frames, which only TakeReserve gives out
	Policy    string // one of Policies; empty is the first of them

	// Memory is where page memory comes from. Its budget is charged with the
	// chunks that were mapped, not with the descriptors, which are on the Go
	// heap: below 80 bytes per frame.
	Memory offheap.Options

	// Domain is the one in which whoever reads pages is pinned.
	Domain *epoch.Domain
}

const (
	// chunkBytes is how much page memory is mapped at once.
	chunkBytes = 4 << 20

	pageFloor, pageCeiling = 64, 1 << 20

	// maxFrames keeps numbers of frames, and sums of two, within 32 bits.
	maxFrames = 1 << 30
)

// A Pool is a fixed number of frames, each of which holds one page. See the
// package's comment for the states of a frame and for who may do what.
//
// A frame's number is below Frames + Reserve; any other number ends in a panic
// of the runtime. A Pool must not be copied.
type Pool struct {
	frames []Frame
	chunks [][]byte // of page memory; nil until first used
	guards
	pageBits  uint // log2 of PageBytes
	pageBytes int
	chunkBits uint   // log2 of frames per chunk
	chunkMask uint32 // frames per chunk, less 1
	most      uint32 // hits that the policy counts

	// Readers read what is above; what is below changes all the time.
	_ [128]byte

	domain  *epoch.Domain
	memory  offheap.Options
	reserve int // Options.Reserve

	count [states]atomic.Int64 // frames by state
	tally tally

	// ordering guards the policy and its queues.
	ordering sync.Mutex
	order    order
	policy   policy

	// freeing guards what follows. It is never held together with ordering.
	freeing  sync.Mutex
	free     []uint32 // frames that were used before and are free
	fresh    int      // frames from here to mapped were never used
	mapped   int      // frames that have memory
	used     int      // frames given out and not free yet
	limit    int      // of used, as far as Take goes; 0: none
	regions  []*offheap.Region
	mapError error         // of the last chunk that could not be mapped
	freed    chan struct{} // closed by the next frame that comes free; or nil
	closed   bool
}

// New returns a pool whose frames are all free. It maps the first chunk; the
// others follow when they are needed.
func New(o Options) (*Pool, error) {
	if o.PageBytes < pageFloor || o.PageBytes > pageCeiling || o.PageBytes&(o.PageBytes-1) != 0 {
		return nil, fmt.Errorf("btree/pool: page of %d bytes: choose a power of two from %d to %d",
			o.PageBytes, pageFloor, pageCeiling)
	}
	if o.Frames < 1 || o.Reserve < 0 || o.Frames > maxFrames || o.Reserve > maxFrames {
		return nil, fmt.Errorf("btree/pool: %d frames and %d in reserve: choose 1 to %d and 0 to %d",
			o.Frames, o.Reserve, maxFrames, maxFrames)
	}
	if o.Domain == nil {
		return nil, fmt.Errorf("btree/pool: no epoch domain given")
	}
	n := o.Frames + o.Reserve
	p := &Pool{
		frames:    make([]Frame, n),
		pageBits:  uint(bits.TrailingZeros(uint(o.PageBytes))),
		chunkBits: uint(bits.TrailingZeros(uint(chunkBytes / o.PageBytes))),
		pageBytes: o.PageBytes,
		domain:    o.Domain,
		memory:    o.Memory,
		reserve:   o.Reserve,
		guards:    newGuards(n),
	}
	p.chunkMask = 1<<p.chunkBits - 1
	p.chunks = make([][]byte, (n-1)>>p.chunkBits+1)
	p.order = newOrder(p.frames)
	switch o.Policy {
	case "", Clock:
		p.policy, p.most = &clock{&p.order}, clockMost
	case S3FIFO:
		p.policy, p.most = newS3FIFO(&p.order, o.Frames), s3Most
	default:
		return nil, fmt.Errorf("btree/pool: unknown policy %q: choose %s", o.Policy, strings.Join(Policies(), ", "))
	}
	p.count[Free].Store(int64(n))
	for p.mapped <= p.reserve {
		if !p.grow() {
			err := p.mapError
			_ = p.Close() // what it maps, it can unmap
			return nil, err
		}
	}
	return p, nil
}

// Page is the memory of a frame, the same at each call. It must not be touched
// by who does not hold the frame: see the package's comment.
func (p *Pool) Page(f uint32) []byte {
	// The masks spare checks of the shifts.
	at := uint(f&p.chunkMask) << (p.pageBits & 63)
	return p.chunks[f>>(p.chunkBits&31)][at:][:p.pageBytes:p.pageBytes]
}

// Frame is the descriptor of a frame, the same at each call.
func (p *Pool) Frame(f uint32) *Frame { return &p.frames[f] }

// PageBytes is the size of each page.
func (p *Pool) PageBytes() int { return p.pageBytes }

// grow maps the next chunk. The caller holds freeing, or is New.
func (p *Pool) grow() bool {
	n := min(1<<p.chunkBits, len(p.frames)-p.mapped)
	if n == 0 {
		return false
	}
	region, err := offheap.Map(n<<p.pageBits, p.memory)
	if err != nil {
		p.mapError = fmt.Errorf("btree/pool: map %d frames of %d: %w", n, len(p.frames), err)
		p.tally.mapFailures.Add(1)
		return false
	}
	p.chunks[p.mapped>>p.chunkBits] = region.Bytes()
	p.regions = append(p.regions, region)
	p.mapped += n
	return true
}

// Close gives all memory back. Nobody may use the pool or its pages any more;
// what was retired before need not be free yet.
func (p *Pool) Close() error {
	p.freeing.Lock()
	defer p.freeing.Unlock()
	p.closed = true
	var first error
	for _, r := range p.regions {
		if err := r.Free(); err != nil && first == nil {
			first = fmt.Errorf("btree/pool: close: %w", err)
		}
	}
	p.regions = nil
	clear(p.chunks)
	return first
}
