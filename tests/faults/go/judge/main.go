// judge reads the history of a run and the rows that a replica has in the end, and prints what is
// wrong as JSON: {"violations": [...], "counts": {...}}. It exits with 1 if something is.
//
// Usage: judge -history file -rows file [-within duration]
//
// The rows are a JSON list of [id, line].
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"faults/check"
	"faults/history"
)

func main() {
	historyPath := flag.String("history", "", "file of the operations, as load writes it")
	rowsPath := flag.String("rows", "", "file of the rows: [[id, line], ...]")
	within := flag.Duration("within", time.Minute, "the longest time for one register")
	flag.Parse()

	ops, err := readHistory(*historyPath)
	if err != nil {
		die(err)
	}
	rows, err := readRows(*rowsPath)
	if err != nil {
		die(err)
	}
	report := check.All(ops, rows, *within)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", " ")
	if err := out.Encode(report); err != nil {
		die(err)
	}
	if len(report.Violations) > 0 {
		os.Exit(1)
	}
}

func readHistory(path string) ([]history.Op, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return history.Parse(file)
}

func readRows(path string) ([]check.Row, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var pairs [][2]json.RawMessage
	if err := json.Unmarshal(text, &pairs); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	rows := make([]check.Row, len(pairs))
	for i, pair := range pairs {
		if err := json.Unmarshal(pair[0], &rows[i].ID); err != nil {
			return nil, fmt.Errorf("%s: row %d: %w", path, i, err)
		}
		if err := json.Unmarshal(pair[1], &rows[i].Line); err != nil {
			return nil, fmt.Errorf("%s: row %d: %w", path, i, err)
		}
	}
	return rows, nil
}

func die(err error) {
	fmt.Fprintln(os.Stderr, "judge:", err)
	os.Exit(2)
}
