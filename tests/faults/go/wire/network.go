package main

import (
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"faults/link"
)

const packetMax = 1 << 16

// A port is a TUN device and what is on its way to it.
type port struct {
	address netip.Addr
	device  *os.File
	transit *transit
}

// A direction is the way from one port to another.
type direction struct {
	mutex sync.Mutex
	link  *link.Link
}

type network struct {
	seed       int64
	ports      map[netip.Addr]*port
	directions map[[2]netip.Addr]*direction // all of them, from start() on
}

func newNetwork(seed int64) *network {
	return &network{seed: seed, ports: map[netip.Addr]*port{}, directions: map[[2]netip.Addr]*direction{}}
}

func (n *network) add(name string, address netip.Addr) error {
	device, err := openTUN(name)
	if err != nil {
		return err
	}
	n.ports[address] = &port{address, device, newTransit()}
	return nil
}

// Carries packets from now on.
func (n *network) start() {
	for from := range n.ports {
		for to := range n.ports {
			n.seed++
			n.directions[[2]netip.Addr{from, to}] = &direction{link: link.New(newChance(n.seed))}
		}
	}
	for _, each := range n.ports {
		go n.receive(each)
		go each.transit.run(each.device)
	}
}

func (n *network) set(from, to netip.Addr, quality link.Quality) error {
	direction := n.directions[[2]netip.Addr{from, to}]
	if direction == nil {
		return fmt.Errorf("there is no way from %s to %s", from, to)
	}
	direction.mutex.Lock()
	defer direction.mutex.Unlock()
	direction.link.Set(quality)
	return nil
}

// Takes the packets that a port sends.
func (n *network) receive(from *port) {
	buffer := make([]byte, packetMax)
	for {
		length, err := from.device.Read(buffer)
		if err != nil {
			die(fmt.Errorf("reading from %s: %w", from.address, err))
		}
		packet := buffer[:length]
		if length < 20 || packet[0]>>4 != 4 {
			continue // not IPv4
		}
		var bytes [4]byte
		copy(bytes[:], packet[16:20])
		to := n.ports[netip.AddrFrom4(bytes)]
		if to == nil {
			continue
		}
		now := time.Now()
		direction := n.directions[[2]netip.Addr{from.address, to.address}]
		direction.mutex.Lock()
		arrivals := direction.link.Send(now)
		direction.mutex.Unlock()
		for _, at := range arrivals {
			if !at.After(now) {
				deliver(to.device, packet)
			} else {
				to.transit.add(at, packet)
			}
		}
	}
}

// A device that is not up yet, or no longer, or whose queue is full, loses the packet: networks do.
func deliver(device *os.File, packet []byte) { _, _ = device.Write(packet) }
