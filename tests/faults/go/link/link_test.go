package link

import (
	"math"
	"math/rand"
	"testing"
	"time"
)

const packets = 20000

// Sends packets, one each millisecond, and returns how late each copy of each is.
func send(quality Quality) [][]time.Duration {
	link := New(rand.New(rand.NewSource(1)))
	link.Set(quality)
	start := time.Unix(0, 0)
	lateness := make([][]time.Duration, packets)
	for i := range lateness {
		now := start.Add(time.Duration(i) * time.Millisecond)
		for _, at := range link.Send(now) {
			lateness[i] = append(lateness[i], at.Sub(now))
		}
	}
	return lateness
}

// The part of the packets of which this many copies arrive.
func share(lateness [][]time.Duration, copies int) float64 {
	count := 0
	for _, each := range lateness {
		if len(each) == copies {
			count++
		}
	}
	return float64(count) / packets
}

func about(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 0.02 {
		t.Errorf("%s: %.3f, not %.3f", what, got, want)
	}
}

func TestAPerfectLinkChangesNothing(t *testing.T) {
	for _, each := range send(Quality{}) {
		if len(each) != 1 || each[0] != 0 {
			t.Fatal(each)
		}
	}
}

func TestLoss(t *testing.T) {
	about(t, "lost", share(send(Quality{Loss: 0.3}), 0), 0.3)
	about(t, "cut", share(send(Quality{Loss: 1}), 0), 1)
}

func TestDuplicates(t *testing.T) {
	about(t, "twice", share(send(Quality{Duplicate: 0.1}), 2), 0.1)
	about(t, "of what is not lost", share(send(Quality{Duplicate: 0.1, Loss: 0.5}), 2), 0.05)
}

func TestDelay(t *testing.T) {
	for _, each := range send(Quality{Delay: 40 * time.Millisecond}) {
		if each[0] != 40*time.Millisecond {
			t.Fatal(each)
		}
	}
}

func TestJitterDelaysFurtherAndKeepsTheOrder(t *testing.T) {
	const delay, jitter = 40 * time.Millisecond, 30 * time.Millisecond
	var before, sum time.Duration
	for i, each := range send(Quality{Delay: delay, Jitter: jitter}) {
		if each[0] < delay || each[0] >= delay+jitter {
			t.Fatal(each)
		}
		at := time.Duration(i)*time.Millisecond + each[0]
		if at < before {
			t.Fatalf("packet %d overtakes another", i)
		}
		before, sum = at, sum+each[0]
	}
	// Keeping the order makes packets later than chance alone: half of the jitter is the least.
	if mean := sum / packets; mean < delay+jitter/2 {
		t.Error(mean)
	}
}

func TestReordering(t *testing.T) {
	overtakers := 0
	for _, each := range send(Quality{Delay: 40 * time.Millisecond, Reorder: 0.2}) {
		if each[0] == 0 {
			overtakers++
		}
	}
	about(t, "overtake", float64(overtakers)/packets, 0.2)
}
