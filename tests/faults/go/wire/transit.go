package main

import (
	"container/heap"
	"os"
	"sync"
	"time"
)

// More packets than this on their way to one device, and further ones are lost.
const transitMax = 10000

// A transit holds packets until they arrive.
type transit struct {
	mutex   sync.Mutex
	packets queue
	added   int           // for the order of those that arrive at one time
	changed chan struct{} // there is a new first one
}

type travelling struct {
	at     time.Time
	number int
	bytes  []byte
}

func newTransit() *transit { return &transit{changed: make(chan struct{}, 1)} }

// Copies the packet.
func (t *transit) add(at time.Time, packet []byte) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if len(t.packets) >= transitMax {
		return
	}
	t.added++
	heap.Push(&t.packets, travelling{at, t.added, append([]byte(nil), packet...)})
	if t.packets[0].number == t.added {
		select {
		case t.changed <- struct{}{}:
		default: // it has not seen the last change yet
		}
	}
}

// Delivers packets for ever, each when its time has come.
func (t *transit) run(device *os.File) {
	for {
		packet, wait := t.next(time.Now())
		switch {
		case packet != nil:
			deliver(device, packet)
		case wait > 0:
			select {
			case <-time.After(wait):
			case <-t.changed:
			}
		default:
			<-t.changed
		}
	}
}

// The first packet if it is due, or how long that takes; 0: there is none.
func (t *transit) next(now time.Time) ([]byte, time.Duration) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if len(t.packets) == 0 {
		return nil, 0
	}
	if wait := t.packets[0].at.Sub(now); wait > 0 {
		return nil, wait
	}
	return heap.Pop(&t.packets).(travelling).bytes, 0
}

// A queue is a heap by time.
type queue []travelling

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	if !q[i].at.Equal(q[j].at) {
		return q[i].at.Before(q[j].at)
	}
	return q[i].number < q[j].number
}

func (q queue) Swap(i, j int)       { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x interface{}) { *q = append(*q, x.(travelling)) }

func (q *queue) Pop() interface{} {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}
