package state

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"nezuban/router/internal/state/record"
)

// A backup is gzip of JSON lines: a header, a line for each record, and a last line with their number and the SHA-256 of
// all bytes before it. It holds everything but who leads, sign-in links and sessions. Release N reads what release N−1
// wrote.
const (
	backupFormat  = "nezuban-state"
	backupVersion = 1
	maxBackupLine = 16 << 20 // bytes: records are bounded by what etcd takes
	backupTries   = 3        // old revisions may be forgotten while one is read
)

// BackupHeader is the first line of a backup.
type BackupHeader struct {
	Format   string    `json:"format"`
	Version  int       `json:"version"`
	Taken    time.Time `json:"taken"`
	Revision int64     `json:"revision"` // of etcd: all records are as of it
	Release  string    `json:"release"`  // that made it
}

// BackupRecord is one record of a backup, as it is stored.
type BackupRecord struct {
	Key   string          `json:"key"` // without the common prefix
	Value json.RawMessage `json:"value,omitempty"`
	Bytes []byte          `json:"bytes,omitempty"` // in place of a value that is no JSON
}

// backupEnd is the last line of a backup.
type backupEnd struct {
	Records int    `json:"records"`
	SHA256  string `json:"sha256"`
}

// Backup reads the whole state, consistent at one revision, and gives it in the form of a backup. It may be taken while a
// router runs.
func (c *Conn) Backup(ctx context.Context, taken time.Time, release string) ([]byte, error) {
	for try := 1; ; try++ {
		data, err := c.backup(ctx, taken, release)
		if errors.Is(err, rpctypes.ErrCompacted) && try < backupTries {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("back the state up: %w", err)
		}
		return data, nil
	}
}

func (c *Conn) backup(ctx context.Context, taken time.Time, release string) ([]byte, error) {
	now, err := c.client.Get(ctx, record.LeaderKey)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	packed := gzip.NewWriter(&out)
	w := lines{to: packed, sum: sha256.New()}
	if err := w.write(BackupHeader{backupFormat, backupVersion, taken.UTC(), now.Header.Revision, release}); err != nil {
		return nil, err
	}
	records := 0
	_, err = c.reader().eachAt(ctx, record.Prefix, now.Header.Revision, func(key string, value []byte) error {
		if !backedUp(key) {
			return nil
		}
		records++
		record := BackupRecord{Key: strings.TrimPrefix(key, record.Prefix)}
		if json.Valid(value) {
			record.Value = value
		} else {
			record.Bytes = value
		}
		return w.write(record)
	})
	if err != nil {
		return nil, err
	}
	err = errors.Join(w.write(backupEnd{records, hex.EncodeToString(w.sum.Sum(nil))}), packed.Close())
	return out.Bytes(), err
}

// backedUp says that a record belongs into a backup: it is no secret, and outlives a process.
func backedUp(key string) bool {
	return key != record.LeaderKey && key != restoringKey && !strings.HasPrefix(key, accessPrefix) && !strings.HasPrefix(key, secretPrefix)
}

// lines writes JSON lines and sums them up.
type lines struct {
	to  io.Writer
	sum hash.Hash
}

func (l lines) write(record any) error {
	line, err := json.Marshal(record)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	l.sum.Write(line)
	_, err = l.to.Write(line)
	return err
}

// Backup is a backup that was read and found whole.
type Backup struct {
	Header  BackupHeader
	Records []BackupRecord
}

// ReadBackup reads a backup to its end. What is no backup, not whole, altered, or of a newer release is refused with an
// error that says so.
func ReadBackup(r io.Reader) (*Backup, error) {
	b, err := readBackup(r)
	if err != nil {
		return nil, fmt.Errorf("read the backup: %w", err)
	}
	return b, nil
}

func readBackup(r io.Reader) (*Backup, error) {
	packed, err := gzip.NewReader(r)
	if err != nil {
		return nil, errors.New("found no gzip file, expected what nezuban-router state backup writes")
	}
	scan := bufio.NewScanner(packed)
	scan.Buffer(make([]byte, 64<<10), maxBackupLine)
	sum := sha256.New()
	var b Backup
	if !scan.Scan() || json.Unmarshal(scan.Bytes(), &b.Header) != nil || b.Header.Format != backupFormat {
		return nil, fmt.Errorf("found no header, expected %q: it is no backup of the router's state", backupFormat)
	}
	if b.Header.Version != backupVersion {
		return nil, fmt.Errorf("found version %d, made by release %q, expected %d: restore it with that release", b.Header.Version, b.Header.Release, backupVersion)
	}
	for {
		sum.Write(scan.Bytes())
		sum.Write([]byte{'\n'})
		if !scan.Scan() {
			return nil, fmt.Errorf("it ends after %d records, before its last line: %w", len(b.Records), errors.Join(scan.Err(), io.ErrUnexpectedEOF))
		}
		var record struct {
			BackupRecord
			backupEnd
		}
		if err := json.Unmarshal(scan.Bytes(), &record); err != nil {
			return nil, fmt.Errorf("line %d is no record: it is cut off, or was altered: %w", len(b.Records)+2, err)
		}
		if record.Key != "" {
			record.Value = bytes.Clone(record.Value)
			b.Records = append(b.Records, record.BackupRecord)
			continue
		}
		found := hex.EncodeToString(sum.Sum(nil))
		if record.SHA256 != found || record.Records != len(b.Records) {
			return nil, fmt.Errorf("found %d records with checksum %.12s, expected %d with %.12s: it was altered", len(b.Records), found, record.Records, record.SHA256)
		}
		if scan.Scan() || scan.Err() != nil {
			return nil, errors.Join(errors.New("found more behind its last line, or a broken end"), scan.Err())
		}
		return &b, nil
	}
}

// WriteLines writes the records as JSON lines, without header and end.
func (b *Backup) WriteLines(w io.Writer) error {
	buffered := bufio.NewWriter(w)
	out := lines{to: buffered, sum: sha256.New()}
	for _, record := range b.Records {
		if err := out.write(record); err != nil {
			return err
		}
	}
	return buffered.Flush()
}
