package state

import (
	"context"
	"testing"
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
