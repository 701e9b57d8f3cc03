package pool

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/engine/offheap"
)

func TestNewSaysWhichOptionIsWrong(t *testing.T) {
	good := Options{PageBytes: 4096, Frames: 1, Domain: epoch.NewDomain()}
	for _, c := range []struct {
		change func(o *Options)
		says   string
	}{
		{func(o *Options) { o.PageBytes = 4095 }, "4095 bytes"},
		{func(o *Options) { o.PageBytes = 32 }, "32 bytes"},
		{func(o *Options) { o.PageBytes = 2 << 20 }, "2097152 bytes"},
		{func(o *Options) { o.Frames = 0 }, "0 frames"},
		{func(o *Options) { o.Reserve = -1 }, "-1 in reserve"},
		{func(o *Options) { o.Policy = "lru" }, `"lru": choose clock, s3fifo`},
		{func(o *Options) { o.Domain = nil }, "domain"},
		{func(o *Options) { o.Memory.Budget = offheap.NewBudget(100) }, "over budget"},
	} {
		o := good
		c.change(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("error %v does not say %q", err, c.says)
		}
	}
}

func TestPagesAreApart(t *testing.T) {
	const frames = 3*chunkBytes/(1<<20) + 2
	p := newPool(t, Options{PageBytes: 1 << 20, Frames: frames})
	for i := range frames {
		f := admitted(t, p, uint32(i), Clean)
		page := p.Page(f)
		if len(page) != 1<<20 || cap(page) != 1<<20 {
			t.Fatalf("page of %d bytes, capacity %d", len(page), cap(page))
		}
		page[0], page[1<<20-1] = byte(f), byte(f)
	}
	for f := range uint32(frames) {
		if page := p.Page(f); page[0] != byte(f) || page[1<<20-1] != byte(f) {
			t.Errorf("page %d was overwritten", f)
		}
	}
}

func TestALargePoolOfWhichLittleIsUsedMapsLittle(t *testing.T) {
	p := newPool(t, Options{PageBytes: 8192, Frames: 1 << 17})
	for range 1000 { // taken and given back: always the same frame
		f, _ := p.Take()
		p.Give(f)
	}
	if n := p.Stats().MappedBytes; n != chunkBytes {
		t.Errorf("%d bytes are mapped of 1 GiB", n)
	}
	small := newPool(t, Options{PageBytes: 512, Frames: 3, Reserve: 1})
	if n := small.Stats().MappedBytes; n != 4*512 {
		t.Errorf("%d bytes are mapped of 2048", n)
	}
}

// takeAll counts how many frames take gives out.
func takeAll(take func() (uint32, bool)) (n int) {
	for {
		if _, ok := take(); !ok {
			return n
		}
		n++
	}
}

func TestTheReserveIsForTheWriter(t *testing.T) {
	p := newPool(t, Options{Frames: 5, Reserve: 2})
	if n := takeAll(p.Take); n != 5 {
		t.Errorf("Take gave out %d frames of 5", n)
	}
	if n := takeAll(p.TakeReserve); n != 2 {
		t.Errorf("TakeReserve gave out %d frames of 2", n)
	}
	for f := range uint32(2) {
		p.Give(f)
		if _, ok := p.Take(); ok {
			t.Error("Take gave out a frame of the reserve")
		}
	}
	p.Give(2)
	if n := takeAll(p.Take); n != 1 {
		t.Errorf("Take gave out %d frames of 1", n)
	}
}

func TestTheReserveHasMemoryWhenTheBudgetRefuses(t *testing.T) {
	budget := offheap.NewBudget(chunkBytes + 1<<20)
	p := newPool(t, Options{PageBytes: 1 << 20, Frames: 7, Reserve: 2, Memory: offheap.Options{Budget: budget}})
	if n := takeAll(p.Take); n != 2 {
		t.Errorf("Take gave out %d frames of one chunk of 4, less 2", n)
	}
	if n := takeAll(p.TakeReserve); n != 2 {
		t.Errorf("TakeReserve gave out %d frames of 2", n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := p.AwaitFree(ctx); !errors.Is(err, offheap.ErrBudget) {
		t.Errorf("waiting for a frame does not say why: %v", err)
	}
	budget.SetLimit(0)
	if n := takeAll(p.Take); n != 3 {
		t.Errorf("Take gave out %d frames of 3 more", n)
	}
	if n := p.Stats().MapFailures; n == 0 {
		t.Error("no failure is counted")
	}
}

func TestAFrameThatComesFreeEndsTheWait(t *testing.T) {
	for name, free := range map[string]func(p *Pool, private, dirty uint32){
		"given":   func(p *Pool, private, _ uint32) { p.Give(private) },
		"retired": func(p *Pool, _, dirty uint32) { p.Retire([]uint32{dirty}) },
		"evicted": func(p *Pool, _, dirty uint32) { p.SetClean(dirty); p.Evict(1, agree) },
		"retired while somebody was pinned": func(p *Pool, _, dirty uint32) {
			g := p.domain.Pin()
			p.Retire([]uint32{dirty})
			if _, ok := p.Take(); ok {
				t.Error("a frame was given out in which somebody may be")
			}
			g.Unpin() // nobody says so
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, Options{Frames: 2})
			dirty := admitted(t, p, 1, Dirty)
			private, _ := p.Take()
			done := make(chan error)
			go func() { done <- p.AwaitFree(context.Background()) }()
			free(p, private, dirty)
			if err := <-done; err != nil {
				t.Error(err)
			}
			if _, ok := p.Take(); !ok {
				t.Error("the wait is over, but no frame is free")
			}
		})
	}
}

func TestAWaitThatIsCancelledSaysWhereTheFramesAre(t *testing.T) {
	p := newPool(t, Options{Frames: 2})
	admitted(t, p, 1, Dirty)
	p.Take()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- p.AwaitFree(ctx) }()
	cancel()
	err := <-done
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "Private:1") || !strings.Contains(err.Error(), "Dirty:1") {
		t.Errorf("error %v", err)
	}
}

func TestARetiredFrameIsFreeOnceItsReadersHaveLeft(t *testing.T) {
	p := newPool(t, Options{Frames: 3})
	a, b, c := admitted(t, p, 1, Dirty), admitted(t, p, 2, Dirty), admitted(t, p, 3, Dirty)
	p.Freeze(b)
	before := p.domain.Pin()
	if n := p.Retire([]uint32{a, b, a}); n != 2 {
		t.Errorf("%d frames retired of 2", n)
	}
	after := p.domain.Pin()
	for range 3 {
		p.domain.Reclaim()
	}
	if got := p.Counts(); got.Limbo != 2 || got.Free != 0 {
		t.Errorf("somebody may be in them: %+v", got)
	}
	before.Unpin()
	after.Unpin()
	p.domain.Reclaim()
	if got := p.Counts(); got.Limbo != 0 || got.Free != 2 || got.Dirty != 1 {
		t.Errorf("nobody can be in them: %+v", got)
	}
	p.Retire([]uint32{c})
}
