package sms

import (
	"strings"
	"unicode/utf16"
)

// alphabet is one of the two encodings of a text message. Its units are septets (GSM-7) or 16-bit units (UCS-2).
//
// See 3GPP TS 23.038, section 6.2.1 (GSM-7 and its extension table) and TS 23.040 (concatenation).
type alphabet struct {
	single int              // units that fit a message of one segment
	joined int              // units per segment of a longer one: each loses six bytes to a header
	units  func(r rune) int // that one character takes
}

// The characters that GSM-7 has, and those that cost two septets there.
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡" +
		"ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtended = "\f^{}\\[~]|€"
)

// alphabetOf is the encoding that a text gets: GSM-7 when it has every character, else UCS-2.
func alphabetOf(text string) alphabet {
	for _, r := range text {
		if gsmUnits(r) == 0 {
			return alphabet{single: 70, joined: 67, units: func(r rune) int { return max(utf16.RuneLen(r), 1) }}
		}
	}
	return alphabet{single: 160, joined: 153, units: gsmUnits}
}

// gsmUnits is 0 for a character that GSM-7 does not have.
func gsmUnits(r rune) int {
	switch {
	case strings.ContainsRune(gsmBasic, r):
		return 1
	case strings.ContainsRune(gsmExtended, r):
		return 2
	}
	return 0
}

func (a alphabet) length(text string) (units int) {
	for _, r := range text {
		units += a.units(r)
	}
	return units
}

// room is how many units fit that many segments, at the least: a character of two units does not straddle two segments
// and may waste one unit at the end of each but the last.
func (a alphabet) room(segments int) int {
	if segments == 1 {
		return a.single
	}
	return segments*a.joined - (segments - 1)
}

// cut shortens text to at most that many units; what it cuts off becomes "...". Room for less than that is "".
func (a alphabet) cut(text string, units int) string {
	if a.length(text) <= units {
		return text
	}
	const end = "..."
	left := units - len(end)
	if left < 0 {
		return ""
	}
	for i, r := range text {
		if left -= a.units(r); left < 0 {
			return strings.TrimRight(text[:i], " ") + end
		}
	}
	return text
}
