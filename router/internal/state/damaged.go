package state

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
)

// undamaged walks through the member's database, and refuses one with damaged pages. Its library panics over those, in
// goroutines of its own where nobody can stop the panic from ending the process. A database that is not there, empty, or
// cannot be opened is for etcd to judge.
func undamaged(dir string) (err error) {
	path := filepath.Join(dir, "member", "snap", "db")
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return nil
	}
	// A page that lies beyond the end of the file is a fault of memory.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = unreadable(fmt.Errorf("member/snap/db: %v", p))
		}
	}()
	db, err := bolt.Open(path, fs.FileMode(0o600), &bolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		return nil
	}
	defer db.Close() //nolint:errcheck // it was only read
	return db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(_ []byte, bucket *bolt.Bucket) error {
			return bucket.ForEach(func(_, _ []byte) error { return nil })
		})
	})
}
