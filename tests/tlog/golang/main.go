// Reads a tiled log with Go's own implementation of its formats, golang.org/x/mod/sumdb, and says
// what it found: every tile is authenticated against the signed checkpoint, and proofs are made and
// checked by that implementation alone.
//
// Usage: verify DIRECTORY VKEY INDEX... ; OLD:SIZE pairs ask for consistency proofs.
package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type files string

func (f files) Height() int { return 8 }

func (f files) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		// Go names the height in the path; C2SP tlog-tiles does not, since it is always 8.
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(string(f), path))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (f files) SaveTiles([]tlog.Tile, [][]byte) {}

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Println("refused:", err)
		os.Exit(1)
	}
}

func run(directory, vkey string, asked []string) error {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(filepath.Join(directory, "checkpoint"))
	if err != nil {
		return err
	}
	opened, err := note.Open(content, note.VerifierList(verifier))
	if err != nil {
		return err
	}
	lines := strings.Split(opened.Text, "\n")
	if lines[0] != verifier.Name() {
		return fmt.Errorf("another origin: %s", lines[0])
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return err
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return err
	}
	reader := tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, files(directory))
	for _, each := range asked {
		if err := prove(reader, size, root, each); err != nil {
			return err
		}
	}
	fmt.Println("ok", len(opened.Sigs), len(opened.UnverifiedSigs))
	return nil
}

func prove(reader tlog.HashReader, size int64, root tlog.Hash, asked string) error {
	var old, index int64
	if _, err := fmt.Sscanf(asked, "old:%d", &old); err == nil {
		oldRoot, err := tlog.TreeHash(old, reader)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveTree(size, old, reader)
		if err != nil {
			return err
		}
		show(asked, oldRoot, proof)
		return tlog.CheckTree(proof, size, root, old, oldRoot)
	}
	if _, err := fmt.Sscanf(asked, "leaf:%d", &index); err != nil {
		return err
	}
	leaves, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
	if err != nil {
		return err
	}
	proof, err := tlog.ProveRecord(size, index, reader)
	if err != nil {
		return err
	}
	show(asked, leaves[0], proof)
	return tlog.CheckRecord(proof, size, root, index, leaves[0])
}

func show(asked string, subject tlog.Hash, proof []tlog.Hash) {
	fmt.Print(asked, " ", base64.StdEncoding.EncodeToString(subject[:]))
	for _, hash := range proof {
		fmt.Print(" ", base64.StdEncoding.EncodeToString(hash[:]))
	}
	fmt.Println()
}
