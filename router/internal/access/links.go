package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"strings"
)

// Action is the one thing that a link, an address or a code in a message lets its bearer do.
type Action string

// The actions.
const (
	ActLink Action = "link" // acknowledge by the button of the page that the link opens
	ActKey  Action = "key"  // acknowledge by a key that is pressed during a call: part of an address that the provider calls
	ActCode Action = "code" // acknowledge by a reply to a text message
)

const (
	linkBytes = 16 // of a token in a link: 128 bits
	codeChars = 6  // of a code that people type: 30 bits
)

// Links makes and checks what a message bears so that its receiver can act without being signed in. Each is good for one
// action, one message of one incident, and one person, and says nothing about any other; whether the incident is still open
// is for the caller to see. It is safe for concurrent use.
type Links struct{ key []byte }

// NewLinks uses a key of at least 32 random bytes. Whoever has it can make every link.
func NewLinks(key []byte) *Links { return &Links{key} }

// Token is for a link or an address: 22 characters that stand in a URL as they are.
func (l *Links) Token(a Action, page, person string) string {
	return base64.RawURLEncoding.EncodeToString(l.sum(a, page, person)[:linkBytes])
}

// Allows reports whether a token is the one for this action, page and person.
func (l *Links) Allows(a Action, page, person, token string) bool {
	return hmac.Equal([]byte(token), []byte(l.Token(a, page, person)))
}

// Code is what the receiver of a text message types: 6 letters and digits, none of which is taken for another. It is meant
// for [Links.AllowsCode] together with the number that the reply comes from.
func (l *Links) Code(page, person string) string {
	return codes().EncodeToString(l.sum(ActCode, page, person))[:codeChars]
}

// AllowsCode reports whether a code, in capitals or not, is the one for this page and person.
func (l *Links) AllowsCode(page, person, code string) bool {
	return hmac.Equal([]byte(strings.ToUpper(code)), []byte(l.Code(page, person)))
}

func codes() *base32.Encoding {
	return base32.NewEncoding("23456789ABCDEFGHJKLMNPQRSTUVWXYZ").WithPadding(base32.NoPadding)
}

// sum is over the length of each part and the part, so that no two lists of parts look the same.
func (l *Links) sum(a Action, page, person string) []byte {
	mac := hmac.New(sha256.New, l.key)
	for _, part := range []string{"nezuban message", string(a), page, person} {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		mac.Write([]byte(part))
	}
	return mac.Sum(nil)
}
