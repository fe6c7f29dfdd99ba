// VOC and NOx index of Sensirion's SGP40 and SGP41: not a chip, but what makes
// air quality of their raw signals.
//
//	algorithm  Sensirion Gas Index Algorithm 3.2.0 (github.com/Sensirion/gas-index-algorithm)
//	licence    BSD 3-Clause, Copyright (c) 2021 Sensirion AG; the constants are theirs,
//	           the program is our own
//
// The resistance of a metal oxide says little by itself: no two sensors are
// alike, and none stays as it is. So the algorithm learns how the signal
// usually is, its mean and its standard deviation over about twelve hours, and
// tells how far from that it is now: 100 is the usual VOC of this room, 1 the
// usual NOx; up to 500 is worse. While the air is bad it learns little or
// nothing, otherwise bad air would soon be usual.
//
// Sensirion's program does this in numbers of 32 bits, scaled so that none
// overflows. In double precision the scales cancel out, and the formulas are
// these, for a signal x every second:
//
//	mean  ← mean + α (x - mean)
//	std²  ← (1 - β) (std² + β (x - mean)²)
//	index ← lowpass(sigmoid(230 (x - mean) / width))

package driver

import "math"

// gasIndexKind is in what VOC and NOx differ.
type gasIndexKind struct {
	usual   float64 // the index of usual air: what the sigmoid is at 0
	minimum int     // raw signals begin here; 0x7FFF further they end
	// width of what is usual, by the standard deviation: the sign is that of
	// the signal when the air is bad.
	width func(std float64) float64
	// The sigmoid that bounds the index to 500.
	slope, middle float64
	// While it is new it learns faster: the mean with this time constant, in s,
	// for so long, and the deviation for so long.
	newMean                 float64
	newMeanFor, newDeviates float64
	threshold               float64 // of the index, from which on nothing is learned
	patience                float64 // minutes after which bad air is learned, too
}

var (
	vocIndex = gasIndexKind{
		usual: 100, minimum: 20000, slope: 0.0065, middle: 213,
		width:   func(std float64) float64 { return -(std + 220) },
		newMean: 20, newMeanFor: 0.75 * 3600, newDeviates: 1.45 * 3600, threshold: 340, patience: 3 * 60,
	}
	noxIndex = gasIndexKind{
		usual: 1, minimum: 10000, slope: 0.0101, middle: 614,
		width:   func(float64) float64 { return 2000 },
		newMean: 1200, newMeanFor: 4.75 * 3600, newDeviates: 5.70 * 3600, threshold: 30, patience: 12 * 60,
	}
)

// What VOC and NOx have in common. Times are in s, a signal comes every second.
const (
	gasIndexBlackout  = 45 // after the heater was turned on the signal means nothing
	gasIndexMax       = 500
	gasIndexGain      = 230
	gasIndexSpan      = 32767     // of raw signals, from gasIndexKind.minimum on
	gasIndexDeviation = 50        // assumed at first
	gasIndexTau       = 12 * 3600 // of mean and deviation
	gasIndexNewTau    = 2500      // of the deviation, at first
	gasIndexOlder     = 0.01      // how sharply young becomes old
	gasIndexNewGate   = 510       // threshold at first: everything is learned
	gasIndexGateEdge  = 0.09
	gasIndexForget    = 0.3   // of a minute of good air from the minutes of bad air
	gasIndexAged      = 32766 // it becomes no older
	gasIndexFast      = 20    // time constants of the low-pass
	gasIndexSlow      = 500
	gasIndexLowpass   = 0.2
)

// gasIndex calculates an index. It is not for concurrent use.
type gasIndex struct {
	kind    *gasIndexKind
	seconds int     // since it began, up to the end of the blackout
	signal  float64 // the last that was one, without kind.minimum
	index   float64 // 0 in the blackout
	smooth  gasIndexLowpassState

	learns  bool // mean and deviation are of signals
	mean    float64
	std     float64
	age     float64 // how long it has learned
	gateAge float64 // the same for the gate, which begins anew after much bad air
	badAir  float64 // minutes, of which good air is subtracted
}

func newGasIndex(kind *gasIndexKind) *gasIndex {
	return &gasIndex{kind: kind, std: gasIndexDeviation}
}

// gasIndexState is what a gasIndex has learned, and how old it is. Sensirion's
// program keeps mean and deviation of VOC only, and takes them for three hours
// old, so it advises to keep none that are younger; with their age there is no
// need for that.
type gasIndexState struct {
	Mean      float64 `json:"mean"`
	Deviation float64 `json:"deviation"`
	Age       float64 `json:"age"`      // s
	GateAge   float64 `json:"gate_age"` // s
	BadAir    float64 `json:"bad_air"`  // min
}

// state returns what was learned; false if there is nothing.
func (g *gasIndex) state() (s gasIndexState, ok bool) {
	return gasIndexState{g.mean, g.std, g.age, g.gateAge, g.badAir}, g.learns
}

// restore goes on with what was learned before. Numbers that cannot be that
// change nothing.
func (g *gasIndex) restore(s gasIndexState) {
	within := func(x, most float64) bool { return x >= 0 && x <= most }
	if s.Mean == 0 || s.Deviation == 0 || !within(s.Mean, gasIndexSpan) || !within(s.Deviation, gasIndexSpan) ||
		!within(s.Age, gasIndexAged) || !within(s.GateAge, gasIndexAged) || !within(s.BadAir, 2*g.kind.patience) {
		return
	}
	g.signal = s.Mean // until there is one
	g.learns, g.mean, g.std, g.age, g.gateAge, g.badAir = true, s.Mean, s.Deviation, s.Age, s.GateAge, s.BadAir
}

// next takes the raw signal of this second and returns the index, a whole
// number from 1 to 500; 0 in the blackout. A raw signal that cannot be one, 0
// or from 65000 on, counts as the one before.
func (g *gasIndex) next(raw uint16) int {
	if g.seconds <= gasIndexBlackout {
		g.seconds++
		return 0
	}
	if raw > 0 && raw < 65000 {
		g.signal = float64(min(max(int(raw)-g.kind.minimum, 1), gasIndexSpan))
	}
	g.index = max(g.smooth.next(g.now()), 0.5)
	if g.signal > 0 {
		g.learn()
	}
	return int(g.index + 0.5)
}

// now returns the index of the signal, not smoothed.
func (g *gasIndex) now() float64 {
	if g.kind == &noxIndex && !g.learns {
		return g.kind.usual
	}
	x := (g.signal - g.mean) / g.kind.width(g.std) * gasIndexGain
	return gasIndexMax * sigmoid(g.kind.slope*(x-g.kind.middle))
}

// learn makes the signal a part of mean and deviation.
func (g *gasIndex) learn() {
	if !g.learns {
		g.learns, g.mean = true, g.signal
		return
	}
	alpha, beta := g.rates()
	d := g.signal - g.mean
	g.std = math.Sqrt((1 - beta) * (g.std*g.std + beta*d*d))
	g.mean += alpha * d
}

// rates returns how much of a signal mean and deviation learn, and notes how
// old the algorithm and the bad air have become.
func (g *gasIndex) rates() (alpha, beta float64) {
	g.age, g.gateAge = min(g.age+1, gasIndexAged), min(g.gateAge+1, gasIndexAged)
	k := g.kind
	youngMean := 1 - sigmoid(gasIndexOlder*(g.age-k.newMeanFor))
	youngDeviation := 1 - sigmoid(gasIndexOlder*(g.age-k.newDeviates))
	youngGate := 1 - sigmoid(gasIndexOlder*(g.gateAge-k.newMeanFor))
	youngGate2 := 1 - sigmoid(gasIndexOlder*(g.gateAge-k.newDeviates))

	open := g.open(youngGate)
	alpha = open * between(rate(gasIndexTau), rate(k.newMean), youngMean)
	beta = g.open(youngGate2) * between(rate(gasIndexTau), rate(gasIndexNewTau), youngDeviation-youngMean)

	g.badAir = max(g.badAir+((1-open)*(1+gasIndexForget)-gasIndexForget)/60, 0)
	if g.badAir > k.patience {
		g.gateAge = 0
	}
	return alpha, beta
}

// open tells how far the gate is open, 0 to 1: from the threshold on, by the
// last index, it is shut.
func (g *gasIndex) open(young float64) float64 {
	threshold := between(g.kind.threshold, gasIndexNewGate, young)
	return 1 - sigmoid(gasIndexGateEdge*(g.index-threshold))
}

// gasIndexLowpassState is a low-pass that follows large changes fast and small
// ones slowly.
type gasIndexLowpassState struct {
	begun              bool
	fast, slow, output float64
}

func (l *gasIndexLowpassState) next(x float64) float64 {
	if !l.begun {
		*l = gasIndexLowpassState{true, x, x, x}
	}
	l.fast += rate(gasIndexFast) * (x - l.fast)
	l.slow += rate(gasIndexSlow) * (x - l.slow)
	calm := math.Exp(-gasIndexLowpass * math.Abs(l.fast-l.slow))
	l.output += rate(between(gasIndexFast, gasIndexSlow, calm)) * (x - l.output)
	return l.output
}

// rate is how much of a new value a mean with the time constant tau, in s,
// takes over every second.
func rate(tau float64) float64 { return 1 / (tau + 1) }

// between returns a for part 0 and b for part 1.
func between(a, b, part float64) float64 { return a + (b-a)*part }

// sigmoid rises from 0 to 1, and is 1/2 at 0.
func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
