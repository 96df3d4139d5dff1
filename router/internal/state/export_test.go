package state

import (
	"context"
	"testing"
	"time"

	"nezuban/router/internal/state/record"
)

// Plant writes records into the embedded etcd below dir as another release may have.
func Plant(t *testing.T, dir string, records map[string]string) {
	t.Helper()
	conn, err := Connect(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for key, value := range records {
		if _, err := conn.client.Put(context.Background(), key, value); err != nil {
			t.Fatal(err)
		}
	}
}

// Records is everything that stands in the etcd of a store, by key.
func Records(t *testing.T, s *Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	if _, err := s.eachAt(t.Context(), record.Prefix, 0, func(key string, value []byte) error { all[key] = string(value); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

// BackupOf is a backup of what a store holds.
func BackupOf(t *testing.T, s *Store) ([]byte, error) {
	t.Helper()
	return s.conn.Backup(t.Context(), time.Now(), "v1")
}
