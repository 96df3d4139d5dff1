package sms

import (
	"cmp"
	"strings"

	"nezuban/router/internal/page"
)

// segmentsMax bounds the length of a message: each segment is paid for, and a phone may show them apart.
const segmentsMax = 3

// Body is the text of a message, at most [segmentsMax] segments long:
//
//	TRIGGERED container-died: container shop died with exit 137, host=web1 container=shop. step 1 of policy api: … https://… Reply: ack K7PQ2M #01J….1
//
// The kind, the code and the page id are always whole; place, reason, address and title are cut, in shares, when room is short.
func Body(m page.Message) string {
	title, where, why := plain(m.Title, page.TitleMax), plain(page.Where(m.Labels), page.TitleMax), plain(m.Why, page.TitleMax)
	head := m.Kind.Word() + " "
	if m.Repeat {
		head += "(repeat) "
	}
	if rule := plain(m.Rule, 40); rule != "" {
		head += rule + ": "
	}
	tail := " " + mark(m.PageID)
	if m.Code != "" {
		tail = " Reply: ack " + m.Code + tail
	}
	link := plain(cmp.Or(m.AckURL, m.URL), page.TitleMax)

	a := alphabetOf(head + title + where + why + link + tail)
	room := a.room(segmentsMax) - a.length(head) - a.length(tail)
	if link != "" && a.length(link) < room/2 {
		tail = " " + link + tail
		room -= 1 + a.length(link)
	}
	share := func(before, text string, most int) string {
		if text == "" {
			return ""
		}
		text = a.cut(before+text, min(most, room))
		room -= a.length(text)
		return text
	}
	where = share(", ", where, room/3)
	why = share(". ", why, room/2)
	title = share("", title, room)
	return head + title + where + why + tail
}

// mark is how a message carries its page id: one word of its own.
func mark(pageID string) string { return "#" + pageID }

// plain makes one line in which the typographic signs that would double a message's price are the plain ones.
func plain(s string, limit int) string {
	return strings.NewReplacer("—", "-", "–", "-", "…", "...", "’", "'", "‘", "'", "“", `"`, "”", `"`).Replace(page.Line(s, limit))
}
