// wire is a network in user space: it carries packets between the TUN devices of network namespaces,
// and does to them what bad links do.
//
// Usage: wire -seed n name=address...
//
// Makes a TUN device of each name in its own network namespace, from where it may be moved, and
// prints "ready". A packet goes to the device that has its destination's address. It is told on
// standard input, line by line,
//
//	from to delay jitter loss duplicate reorder     e.g. 198.18.0.1 198.18.0.2 40ms 10ms 0.01 0 0
//
// what a direction is like from now on, and answers "ok". It ends with its input, and so do the
// devices.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"math/rand"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"faults/link"
)

func main() {
	seed := flag.Int64("seed", 1, "of chance")
	flag.Parse()
	network := newNetwork(*seed)
	for _, word := range flag.Args() {
		name, text, _ := strings.Cut(word, "=")
		address, err := netip.ParseAddr(text)
		if err == nil {
			err = network.add(name, address)
		}
		if err != nil {
			die(fmt.Errorf("%s: %w", word, err))
		}
	}
	network.start()
	fmt.Println("ready")
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		from, to, quality, err := parse(strings.Fields(orders.Text()))
		if err == nil {
			err = network.set(from, to, quality)
		}
		if err != nil {
			die(fmt.Errorf("%q: %w", orders.Text(), err))
		}
		fmt.Println("ok")
	}
}

func parse(words []string) (from, to netip.Addr, q link.Quality, err error) {
	if len(words) != 7 {
		return from, to, q, fmt.Errorf("%d words and not 7", len(words))
	}
	note := func(problem error) {
		if err == nil {
			err = problem
		}
	}
	address := func(text string) netip.Addr {
		value, problem := netip.ParseAddr(text)
		note(problem)
		return value
	}
	duration := func(text string) time.Duration {
		value, problem := time.ParseDuration(text)
		note(problem)
		return value
	}
	part := func(text string) float64 {
		value, problem := strconv.ParseFloat(text, 64)
		note(problem)
		return value
	}
	from, to = address(words[0]), address(words[1])
	q = link.Quality{Delay: duration(words[2]), Jitter: duration(words[3]), Loss: part(words[4]),
		Duplicate: part(words[5]), Reorder: part(words[6])}
	return from, to, q, err
}

func newChance(seed int64) *rand.Rand { return rand.New(rand.NewSource(seed)) }

func die(err error) {
	fmt.Fprintln(os.Stderr, "wire:", err)
	os.Exit(1)
}
