package state

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"nezuban/router/internal/state/record"
)

// Rotation is one version of the rotation file that was accepted. The version with the highest Seq is in force, over
// restarts too; those before it tell who was on call in the past. Its text is stored apart, once for each hash.
type Rotation struct {
	Version int       `json:"version"`      // of the record
	Seq     int       `json:"seq"`          // 0, 1, 2 … of all that were accepted
	Hash    string    `json:"hash"`         // SHA-256 of the text, in lower-case hexadecimal
	Since   time.Time `json:"since"`        // when it came in force
	Name    string    `json:"name"`         // the file's name in messages
	By      string    `json:"by,omitempty"` // who handed it in; "" when the router found it on its own disk
}

// Short is enough of the hash for people to tell versions apart.
func (r Rotation) Short() string { return r.Hash[:min(12, len(r.Hash))] }

// rotationText is the stored form of a version's text.
type rotationText struct {
	Version int    `json:"version"`
	Gzip    []byte `json:"gzip"`
}

// maxText bounds what a stored text may grow to, in bytes: twice what any release has taken.
const maxText = 2 << 20

// HashRotation is the hash under which a rotation file is kept.
func HashRotation(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Rotations reads all versions, in the order in which they came in force, without their texts.
func (s *Store) Rotations(ctx context.Context) ([]Rotation, error) {
	var all []Rotation
	err := load(ctx, s, versionPrefix, &all)
	return all, err
}

// RotationKnown says whether any version was ever accepted, by whichever router leads. It costs the same however many there
// are.
func (c *Conn) RotationKnown(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	resp, err := c.client.Get(ctx, versionPrefix, clientv3.WithPrefix(), clientv3.WithLimit(1), clientv3.WithKeysOnly())
	if err != nil {
		return false, fmt.Errorf("read %q from etcd: %w", versionPrefix, err)
	}
	return len(resp.Kvs) > 0, nil
}

// RotationText reads the text of a version, which is as it was accepted, byte for byte, or an error.
func (s *Store) RotationText(ctx context.Context, hash string) ([]byte, error) {
	resp, err := s.client.Get(ctx, textPrefix+hash)
	if err != nil {
		return nil, fmt.Errorf("read rotation file %.12s from etcd: %w", hash, err)
	}
	if len(resp.Kvs) == 0 {
		return nil, fmt.Errorf("read rotation file %.12s: it is not in the store", hash)
	}
	text, err := unpack(resp.Kvs[0].Value)
	if err == nil && HashRotation(text) != hash {
		err = errors.New("its bytes have another hash")
	}
	if err != nil {
		return nil, fmt.Errorf("read rotation file %.12s: %w", hash, err)
	}
	return text, nil
}

// AddRotation stores a version together with its text, in one transaction, after which it is the one in force. On an
// error it may be stored all the same: [Store.Rotations] says so when the store answers again.
func (s *Store) AddRotation(ctx context.Context, r Rotation, text []byte) error {
	ops, err := rotationOps(r, text)
	if err == nil {
		err = s.roomFor(false)
	}
	if err != nil {
		return err
	}
	return s.Txn(ctx, ops)
}

func rotationOps(r Rotation, text []byte) ([]record.Op, error) {
	packed, err := pack(text)
	if err != nil {
		return nil, fmt.Errorf("pack rotation file: %w", err)
	}
	r.Version = 1
	content, err := record.NewPut(textPrefix+r.Hash, rotationText{Version: 1, Gzip: packed})
	if err != nil {
		return nil, err
	}
	version, err := record.NewPut(versionPrefix+record.Sequence(r.Seq), r)
	return []record.Op{content, version}, err
}

func pack(text []byte) ([]byte, error) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write(text)
	err = errors.Join(err, w.Close())
	return packed.Bytes(), err
}

func unpack(value []byte) ([]byte, error) {
	var stored rotationText
	if err := json.Unmarshal(value, &stored); err != nil {
		return nil, err
	}
	r, err := gzip.NewReader(bytes.NewReader(stored.Gzip))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(r, maxText+1))
	if err == nil && len(text) > maxText {
		err = fmt.Errorf("found more than %d bytes", maxText)
	}
	return text, err
}

// oldRotationKey is where the release before kept the file in force, alone.
const oldRotationKey = record.Prefix + "rotation"

// upgrade makes what the release before has stored the latest version: the first one, unless that release was run again
// after this one. That release wrote the time of its last start for the time in force, so that is since when it is known.
func (s *Store) upgrade(ctx context.Context) error {
	resp, err := s.client.Get(ctx, oldRotationKey)
	if err != nil {
		return fmt.Errorf("read %q from etcd: %w", oldRotationKey, err)
	}
	if len(resp.Kvs) == 0 {
		return nil
	}
	var old struct {
		Name  string    `json:"name"`
		Text  []byte    `json:"text"`
		Since time.Time `json:"since"`
	}
	if err := json.Unmarshal(resp.Kvs[0].Value, &old); err != nil {
		return fmt.Errorf("read record %q: %w", oldRotationKey, err)
	}
	versions, err := s.Rotations(ctx)
	if err != nil {
		return err
	}
	ops := []record.Op{{Kind: record.Delete, Key: oldRotationKey}}
	next := Rotation{Hash: HashRotation(old.Text), Since: old.Since, Name: old.Name}
	if n := len(versions); n > 0 {
		next.Seq = versions[n-1].Seq + 1
	}
	if n := len(versions); n == 0 || versions[n-1].Hash != next.Hash {
		more, err := rotationOps(next, old.Text)
		if err != nil {
			return err
		}
		ops = append(more, ops...)
	}
	return s.Txn(ctx, ops)
}
