// load drives nodes with clients of several kinds and records what they did and what they were told.
//
// Usage: load -history file [-seed n] [-think duration] [-give-up duration] [-clients kind=n,...]
//
// It is told on standard input, line by line:
//
//	nodes id=host:port...   from now on these are the nodes; the first such line starts the clients
//	stop                    end what is under way, ask each node a last time, and exit
//
// and answers each line with one line. The end of the input is as good as "stop" without the last
// questions.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"faults/history"
)

func main() {
	path := flag.String("history", "", "file for the operations")
	seed := flag.Int64("seed", 1, "of what the clients do")
	think := flag.Duration("think", 20*time.Millisecond, "mean time from an answer to the next request")
	giveUp := flag.Duration("give-up", 5*time.Second, "time after which an answer is not waited for any longer")
	mix := flag.String("clients", "register=6,plain=3,queued=3,curious=3,keyed=3,glance=1", "how many of each kind")
	flag.Parse()

	recorder, err := history.Create(*path)
	if err != nil {
		die(err)
	}
	kinds, err := parseMix(*mix)
	if err != nil {
		die(err)
	}
	crew := &crew{
		recorder: recorder, seed: *seed, think: *think, giveUp: *giveUp, kinds: kinds,
		stopping: make(chan struct{}), began: now()}
	if err := obey(crew, bufio.NewScanner(os.Stdin)); err != nil {
		die(err)
	}
	if err := recorder.Close(); err != nil {
		die(err)
	}
}

func obey(crew *crew, orders *bufio.Scanner) error {
	started := false
	for orders.Scan() {
		words := strings.Fields(orders.Text())
		switch {
		case len(words) > 1 && words[0] == "nodes":
			nodes, err := parseNodes(words[1:])
			if err != nil {
				return err
			}
			crew.setNodes(nodes)
			if !started {
				crew.start()
				started = true
			}
			fmt.Println("ok")
		case len(words) == 1 && words[0] == "stop":
			crew.stop()
			crew.lastQuestions()
			fmt.Println("ok")
			return nil
		default:
			return fmt.Errorf("not understood: %q", orders.Text())
		}
	}
	crew.stop()
	return orders.Err()
}

func parseNodes(words []string) ([]node, error) {
	var nodes []node
	for _, word := range words {
		id, address, found := strings.Cut(word, "=")
		if !found {
			return nil, fmt.Errorf("not id=host:port: %q", word)
		}
		nodes = append(nodes, node{id, address})
	}
	return nodes, nil
}

func parseMix(text string) ([]string, error) {
	var kinds []string
	for _, word := range strings.Split(text, ",") {
		kind, number, _ := strings.Cut(word, "=")
		count, err := strconv.Atoi(number)
		if err != nil || behaviours[kind] == nil {
			return nil, fmt.Errorf("not kind=number: %q", word)
		}
		for i := 0; i < count; i++ {
			kinds = append(kinds, kind)
		}
	}
	return kinds, nil
}

func die(err error) {
	fmt.Fprintln(os.Stderr, "load:", err)
	os.Exit(1)
}

// A crew is all clients of a run.
type crew struct {
	recorder *history.Recorder
	seed     int64
	think    time.Duration
	giveUp   time.Duration
	kinds    []string // one client for each
	began    int64

	stopping chan struct{}
	clients  sync.WaitGroup

	mutex    sync.Mutex
	nodes    []node
	accepted []history.Op // queued writes, to ask about in the end
}

type node struct{ id, address string }

func (c *crew) setNodes(nodes []node) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.nodes = nodes
}

// The node of the i-th client; and for i+1 another one, if there is one.
func (c *crew) node(i int) node {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.nodes[i%len(c.nodes)]
}

func (c *crew) start() {
	for i, kind := range c.kinds {
		client := newClient(c, i)
		behave := behaviours[kind]
		c.clients.Add(1)
		go func() {
			defer c.clients.Done()
			for !c.stopped() {
				behave(client)
				client.pause()
			}
		}()
	}
}

func (c *crew) stopped() bool {
	select {
	case <-c.stopping:
		return true
	default:
		return false
	}
}

// Waits until every client has ended what it was doing.
func (c *crew) stop() {
	close(c.stopping)
	c.clients.Wait()
}

// Reads all registers by way of every node, and asks what became of queued writes.
func (c *crew) lastQuestions() {
	client := newClient(c, len(c.kinds))
	c.mutex.Lock()
	nodes, accepted := c.nodes, c.accepted
	c.mutex.Unlock()
	for i := range nodes {
		client.home = i
		for period := client.period(); period >= 0; period-- {
			for _, name := range registersOf(period) {
				client.readRegister(name, "linearizable")
				client.readRegister(name, "strong")
			}
		}
	}
	// The newest, which the last faults may have met, and some of the others.
	step := len(accepted)/100 + 1
	for i := range accepted {
		if age := len(accepted) - i; age < 100 || i%step == 0 {
			client.home = i
			client.askVerdict(accepted[i])
		}
	}
}

func (c *crew) noteAccepted(op history.Op) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.accepted = append(c.accepted, op)
}
