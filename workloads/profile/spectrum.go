package profile

// A Spectrum says how requests are distributed over keys, whatever the keys
// are: how many keys had how many requests. Steps run from the most requested
// keys to the least.
type Spectrum struct {
	Requests float64
	Steps    []Step
}

// Step is a number of keys that had the same number of requests each.
type Step struct {
	Count uint64
	Keys  float64 // an estimate where only some keys were counted
}

// Distinct returns the number of keys.
func (s Spectrum) Distinct() (keys float64) {
	for _, step := range s.Steps {
		keys += step.Keys
	}
	return keys
}

// Top returns the share of the requests that the most requested keys have; a
// fraction of a key has that fraction of its requests.
func (s Spectrum) Top(keys float64) float64 {
	if s.Requests == 0 {
		return 0
	}
	sum := 0.0
	for _, step := range s.Steps {
		n := min(keys, step.Keys)
		sum += n * float64(step.Count)
		if keys -= n; keys <= 0 {
			break
		}
	}
	return min(sum/s.Requests, 1)
}
