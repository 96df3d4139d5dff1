// Package access decides who may do what over HTTP: it knows tokens by kind, single-use sign-in links and browser
// sessions, and it refuses requests that a foreign web page made a browser send.
//
// The router's app builds one [Gate] and wraps its handlers with it; package web signs people in and out through it.
// A failure never says which part was wrong. Secrets are never kept: only their SHA-256 is. Nothing here decides what
// an allowed request does, and nothing here reads a clock.
package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
)

// Kind is what a token is good for.
type Kind string

// The kinds of token. Act implies Read; nothing else implies anything, so that a token lost with a host can
// send samples and no more.
const (
	Ingest Kind = "ingest" // send samples and events
	Read   Kind = "read"   // see incidents, checks, the rotation file and who is on call
	Act    Kind = "act"    // acknowledge and resolve, apply a rotation file
)

func (k Kind) allows(want Kind) bool {
	return k == want || (k == Act && want == Read)
}

// Valid reports whether k is one of the three kinds.
func (k Kind) Valid() bool { return k == Ingest || k == Read || k == Act }

// Token is one token as the router knows it: the secret itself is only with its bearer.
type Token struct {
	Name string `json:"name"` // who or what bears it; recorded as the author of what it does
	Kind Kind   `json:"kind"`
	Hash Hash   `json:"hash"`
}

// Hash is the SHA-256 of a secret; as text it is lower-case hexadecimal. Secrets are 256 random bits, so a fast hash
// without salt is enough: there is no shorter list to guess from.
type Hash [sha256.Size]byte

// HashOf is the hash under which a secret is kept.
func HashOf(secret string) Hash { return sha256.Sum256([]byte(secret)) }

// String is the hash in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText implements [encoding.TextMarshaler].
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (h *Hash) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(string(text))
	if err != nil || len(raw) != len(h) {
		return fmt.Errorf("read hash %.80q: expected %d hexadecimal digits", text, 2*len(h))
	}
	copy(h[:], raw)
	return nil
}

func (h Hash) equal(other Hash) bool { return subtle.ConstantTimeCompare(h[:], other[:]) == 1 }

// NewSecret is 32 random bytes in URL-safe base64 (43 characters, no padding, never a colon).
func NewSecret() string {
	var raw [32]byte
	rand.Read(raw[:]) // never fails: it ends the program first
	return base64.RawURLEncoding.EncodeToString(raw[:])
}
