package hashidx

import (
	"fmt"
	"testing"
	"time"

	"github.com/kvbench/kvbench/hashidx/manifest"
	"pgregory.net/rapid"
)

// storyKeys are few, so that ops of one key are in many segments.
func storyKeys() []string { return append(twinKeys(), "x", "y") }

func TestAnyHistoryWithGCAnswersAsAMapDoes(t *testing.T) {
	drops := uint64(0)
	rapid.Check(t, func(t *rapid.T) {
		r := newGCRigOn(t, rapid.SampledFrom([]string{indexMemory, indexMemory, indexDisk}).Draw(t, "index"))
		defer func() { r.e.Close() }()
		key := rapid.SampledFrom(storyKeys())
		for i := range rapid.IntRange(20, 60).Draw(t, "steps") {
			what := ""
			switch n := rapid.IntRange(0, 13).Draw(t, "step"); n {
			case 0, 1:
				what = "put"
				r.put(key.Draw(t, "key"))
			case 2, 3:
				what = "delete"
				r.remove(key.Draw(t, "key"))
			case 4:
				what = "put with ttl"
				r.putTTL(key.Draw(t, "key"), time.Duration(rapid.IntRange(0, 20).Draw(t, "ttl"))*time.Second)
			case 5:
				what = "batch"
				r.batch(rapid.SliceOfN(key, 1, 5).Draw(t, "keys")...)
			case 6:
				what = "wait"
				r.pass(time.Duration(rapid.IntRange(0, 20).Draw(t, "pass")) * time.Second)
			case 7:
				what = "rotate"
				r.rotate()
			case 8:
				what = "end hot"
				r.end(manifest.Hot)
			case 9, 10, 11:
				list := r.victims()
				if len(list) == 0 {
					continue
				}
				o := rapid.SampledFrom(list).Draw(t, "victim")
				what = fmt.Sprintf("collect %v/%d", o.log, o.id)
				r.collect(o)
				drops++
			case 12:
				what = "image"
				r.image()
			case 13:
				what = rapid.SampledFrom(reopenings()).Draw(t, "how")
				r.reopen(what)
			}
			r.check(fmt.Sprintf("step %d, %s", i, what))
		}
		r.reopen("without both")
		r.check("at the end")
		for len(r.victims()) > 0 {
			r.collect(r.victims()[0])
			r.check("all collected")
		}
	})
	t.Logf("%d collected", drops)
	if drops == 0 {
		t.Error("nothing was collected")
	}
}
