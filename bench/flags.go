package bench

// Bounds from which a cell is flagged, and why there.
const (
	// Shares of an operation that are the harness. It is added to every
	// engine's time alike, so it never turns an order round, but makes ratios
	// smaller: by 5 % at most up to harnessWarn, which is below what
	// repetitions tell apart; by a quarter at harnessBound. Above harnessMost
	// the harness is the larger part of what was measured, and its own noise
	// of a tenth would pass for a difference between engines.
	harnessWarn  = 0.05
	harnessBound = 0.20
	harnessMost  = 0.50

	// refillWarn is the share of time in which the engine rested while
	// operations were drawn: background work of that time comes for free.
	refillWarn = 0.05

	// debtWarn and debtGrown are shares of the live bytes: work left over from
	// before that the phase did, and work that it left undone. As much at the
	// end as at the start is no objection: an engine in balance has some. The
	// second bound is larger, since work comes in lots.
	debtWarn  = 0.05
	debtGrown = 0.20

	// Shares of the processor time that the cell used: taken away by the
	// hypervisor; used by others, of which the kernel writes for the cell; and
	// spent on garbage collection, of which Go's collector takes a quarter of
	// the processors while it runs and more only by making others help.
	stealWarn  = 0.05
	otherWarn  = 0.10
	otherFloor = 0.05 // of the phase's time, and with it of one processor
	gcWarn     = 0.25

	unevenWarn  = 0.10 // share of the measured phase in which workers had ended
	unevenFloor = 0.05 // seconds of it

	// fewOperations is how many leave ten beyond the 99th percentile.
	fewOperations = 1000
)
