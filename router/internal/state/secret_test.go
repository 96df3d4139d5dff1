package state

import (
	"bytes"
	"testing"
)

func TestASecretIsMadeOnceAndKept(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	first, err := s.Secret(t.Context(), "links")
	if err != nil || len(first) != secretBytes {
		t.Fatalf("found %d bytes, %v", len(first), err)
	}
	other, err := s.Secret(t.Context(), "another")
	if err != nil || bytes.Equal(first, other) {
		t.Fatalf("two names have one secret, %v", err)
	}
	s.Close()
	again, err := open(t, dir).Secret(t.Context(), "links")
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("after a restart it is another, %v", err)
	}
}
