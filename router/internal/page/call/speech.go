package call

import (
	"encoding/xml"
	"strings"

	"nezuban/router/internal/page"
)

const (
	speechMax = 4000 // bytes of a call's TwiML; the provider counts characters
	partMax   = 160  // characters of the place and of the reason: who listens has just been woken
	nameMax   = 64   // characters of the person's name
	language  = "en-US"
)

// Key is the one that acknowledges. Answering machines ask for a 1 or a 2 to be pressed, and people press # or 0 to be
// rid of a call.
const Key = "4"

// The verbs of TwiML that a call uses. See https://www.twilio.com/docs/voice/twiml
type (
	response struct {
		XMLName xml.Name `xml:"Response"`
		Verbs   []any
	}
	say struct {
		XMLName  xml.Name `xml:"Say"`
		Language string   `xml:"language,attr"`
		Text     string   `xml:",chardata"`
	}
	pause struct {
		XMLName xml.Name `xml:"Pause"`
		Length  int      `xml:"length,attr"` // seconds
	}
	gather struct {
		XMLName xml.Name `xml:"Gather"`
		Input   string   `xml:"input,attr"`
		Digits  int      `xml:"numDigits,attr"`
		Timeout int      `xml:"timeout,attr"` // seconds after the last word
		Method  string   `xml:"method,attr"`
		Action  string   `xml:"action,attr"`
		Verbs   []any
	}
)

// Speech is the TwiML of a call, at most [speechMax] bytes: it says the page twice, and how to acknowledge. A key can be
// pressed when there is an address to which the provider reports it.
func Speech(m page.Message, answer string) string {
	room := speechMax - len(twiml("", answer))
	return twiml(cut(Words(m), room/2), answer)
}

// twiml says words twice.
func twiml(words, answer string) string {
	how := "To acknowledge, open the incident in Nezuban. No key acknowledges it, and nor does hanging up."
	if answer != "" {
		how = "To acknowledge, press " + Key + ". Hanging up acknowledges nothing."
	}
	verbs := []any{spoken(words), spoken(how), pause{Length: 1}, spoken(words), spoken(how)}
	if answer != "" {
		verbs = []any{
			gather{Input: "dtmf", Digits: 1, Timeout: 10, Method: "POST", Action: answer, Verbs: verbs},
			spoken("No key was pressed. It is not acknowledged."),
		}
	}
	return written(verbs)
}

// Again is the TwiML that answers a key: it says something and lets another key be pressed.
func Again(said, answer string) string {
	return written([]any{
		gather{Input: "dtmf", Digits: 1, Timeout: 10, Method: "POST", Action: answer, Verbs: []any{spoken(said), spoken("To acknowledge, press " + Key + ".")}},
		spoken("No key was pressed. It is not acknowledged."),
	})
}

// Last is the TwiML that answers a key: it says something and hangs up.
func Last(said string) string { return written([]any{spoken(said)}) }

func written(verbs []any) string {
	text, err := xml.Marshal(response{Verbs: verbs})
	if err != nil {
		return "" // these types can be written
	}
	return string(text)
}

func spoken(text string) say { return say{Language: language, Text: text} }

// Words are what is said: for whom, whether it may be a repeat, what is the matter, where, and why this person.
func Words(m page.Message) string {
	var said []string
	if len(m.People) > 0 {
		said = append(said, "Nezuban has a page for "+page.Line(m.People[0].Person, nameMax))
	}
	if m.Repeat {
		said = append(said, "You may have been called about it already")
	}
	said = append(said, page.Line(m.Title, page.TitleMax))
	if where := page.Where(m.Labels); where != "" {
		said = append(said, page.Line(strings.ReplaceAll(where, "=", " "), partMax))
	}
	if why := page.Line(m.Why, partMax); why != "" {
		said = append(said, why)
	}
	return strings.Join(said, ". ") + "."
}

// cut shortens text so that it takes at most that many bytes in XML; what it cuts off becomes "…".
func cut(text string, bytes int) string {
	const end = "…"
	if escaped(text) <= bytes {
		return text
	}
	left := bytes - len(end)
	for i, r := range text {
		if left -= escaped(string(r)); left < 0 {
			return strings.TrimRight(text[:i], " ") + end
		}
	}
	return text
}

// escaped is how many bytes text takes in XML.
func escaped(text string) int {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // into memory
	return b.Len()
}
