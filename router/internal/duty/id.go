package duty

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"time"
)

// NewID makes an incident's id: 16 characters that sort by time, to the millisecond, and end in 32 random bits. Read
// aloud, none of them is taken for another: there are no I, L, O and U.
func NewID(at time.Time) string {
	var raw [10]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(at.UnixMilli())<<16)
	_, _ = rand.Read(raw[6:]) // never fails: it ends the program first
	return base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding).EncodeToString(raw[:])
}
