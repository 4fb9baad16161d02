// Package link decides what a bad link does to packets: it is late, loses some, sends some twice,
// and lets some overtake others. It has no clock, no packets and no network.
package link

import (
	"math/rand"
	"time"
)

// Quality of one direction of a link. The zero value is a perfect one.
type Quality struct {
	Delay     time.Duration // of every packet
	Jitter    time.Duration // and of each up to this much more, evenly; order is kept
	Loss      float64       // the part that gets lost: 1 cuts the direction
	Duplicate float64       // of what arrives, the part that arrives twice
	Reorder   float64       // of what arrives, the part that is not delayed, and so overtakes others
}

// A Link is one direction. Not safe for concurrent use.
type Link struct {
	quality Quality
	chance  *rand.Rand
	last    time.Time // when the last packet that kept its place is to arrive
}

// New makes a perfect link.
func New(chance *rand.Rand) *Link { return &Link{chance: chance} }

// Set changes the quality for packets that are sent from now on.
func (l *Link) Set(quality Quality) { l.quality = quality }

// Send says when each copy of a packet that is sent now arrives: never, once or twice.
func (l *Link) Send(now time.Time) []time.Time {
	q := &l.quality
	if l.happens(q.Loss) {
		return nil
	}
	arrivals := []time.Time{l.arrival(now)}
	if l.happens(q.Duplicate) {
		arrivals = append(arrivals, l.arrival(now))
	}
	return arrivals
}

func (l *Link) arrival(now time.Time) time.Time {
	if l.happens(l.quality.Reorder) {
		return now
	}
	at := now.Add(l.quality.Delay)
	if l.quality.Jitter > 0 {
		at = at.Add(time.Duration(l.chance.Int63n(int64(l.quality.Jitter))))
	}
	if at.Before(l.last) {
		at = l.last
	}
	l.last = at
	return at
}

func (l *Link) happens(probability float64) bool {
	return probability > 0 && l.chance.Float64() < probability
}
