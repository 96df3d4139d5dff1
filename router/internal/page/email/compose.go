package email

import (
	"bytes"
	"encoding/base64"
	"net/mail"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
)

const (
	subjectMax = 300 // characters
	nameMax    = 100 // characters of a rule, or of an id
)

// layout is the HTML of a mail: whatever stands in it is text, but for the link to the incident.
const layout = `<!DOCTYPE html>
<html lang="en">
<body style="font-family: sans-serif">
<p><strong>{{.Head}}</strong></p>
{{range .Lines}}<p style="margin: 0">{{.}}</p>
{{end}}{{with .URL}}<p><a href="{{.}}">Open the incident</a> (this changes nothing; its page has a button to acknowledge)</p>
{{end}}<p style="color: #666">{{.Tail}}</p>
</body>
</html>
`

// words are what a mail says.
type words struct {
	Head  string
	Lines []string
	URL   string // of the incident; "" for none
	Tail  string
}

func wordsOf(m page.Message) words {
	w := words{Head: m.Kind.Word(), URL: m.Link(), Tail: "page " + page.Line(m.PageID, nameMax)}
	if m.Repeat {
		w.Head += " (repeat)"
		w.Tail += ", which may have arrived already"
	}
	if rule := page.Line(m.Rule, nameMax); rule != "" {
		w.Head += " " + rule
	}
	w.Head += ": " + page.Line(m.Title, page.TitleMax)
	if where := page.Where(m.Labels); where != "" {
		w.Head += ", " + where
	}
	w.Head = page.Line(w.Head, subjectMax)
	for line := range strings.Lines(page.Lines(m.Text, page.TextMax)) {
		w.Lines = append(w.Lines, strings.TrimSuffix(line, "\n"))
	}
	return w
}

// compose writes a mail as it is sent.
func (p *Pager) compose(m page.Message, to page.Recipient, now time.Time) ([]byte, error) {
	w := wordsOf(m)
	mail := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	mail.FromMailAddress(&p.config.From)
	if err := mail.To("<" + to.Address + ">"); err != nil {
		return nil, err
	}
	mail.Subject(encoded(w.Head))
	mail.SetDateWithValue(now)
	p.thread(mail, m)
	mail.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no robot answers it
	mail.SetBulk()
	if m.Kind == page.KindTrigger && m.Severity == incident.SeverityPage {
		mail.SetImportance(gomail.ImportanceHigh)
	}
	mail.SetBodyString(gomail.TypeTextPlain, w.Head+"\n\n"+strings.Join(w.Lines, "\n")+"\n\n"+w.Tail+"\n")
	var html strings.Builder
	if err := p.html.Execute(&html, w); err != nil {
		return nil, err
	}
	mail.AddAlternativeString(gomail.TypeTextHTML, html.String())
	var written bytes.Buffer
	_, err := mail.WriteTo(&written)
	return written.Bytes(), err
}

// thread gives the mail its id, and puts it below the first one of the incident. That all refer to the incident's own id,
// which no mail has, keeps them together where the first one never arrived.
func (p *Pager) thread(mail *gomail.Msg, m page.Message) {
	mail.SetMessageIDWithValue(p.id(m.PageID))
	references := "<" + p.id(m.IncidentID) + ">"
	if root := ours(m.ProviderID); root != "" && root != p.id(m.PageID) {
		mail.SetGenHeader(gomail.HeaderInReplyTo, "<"+root+">")
		references += " <" + root + ">"
	}
	mail.SetGenHeader(gomail.HeaderReferences, references)
}

// id is a Message-ID, without its brackets.
func (p *Pager) id(of string) string {
	name := regexp.MustCompile(`[^A-Za-z0-9-]+`).ReplaceAllString(page.Line(of, nameMax), "-")
	return name + "@" + domain(p.config.From)
}

func domain(of mail.Address) string {
	_, domain, _ := strings.Cut(of.Address, "@")
	return domain
}

// ours is a provider's id if it is a Message-ID such as those written here; else "".
func ours(providerID string) string {
	if regexp.MustCompile(`^[A-Za-z0-9-]{1,100}@[A-Za-z0-9.-]{1,253}$`).MatchString(providerID) {
		return providerID
	}
	return ""
}

// encoded makes a text for a header that would be taken for encoded words (RFC 2047) into some, so that it is read as it
// stands. Any other text is left to go-mail, which encodes what is not ASCII.
func encoded(text string) string {
	if !strings.Contains(text, "=?") {
		return text
	}
	const most = 45 // bytes: with its frame a word has at most 75
	var encoded []string
	for text != "" {
		end := min(most, len(text))
		for end < len(text) && !utf8.RuneStart(text[end]) {
			end--
		}
		encoded = append(encoded, "=?UTF-8?B?"+base64.StdEncoding.EncodeToString([]byte(text[:end]))+"?=")
		text = text[end:]
	}
	return strings.Join(encoded, " ")
}
