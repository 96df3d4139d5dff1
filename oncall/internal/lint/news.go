package lint

import "regexp"

// lineNumber is a line of the file that a finding names.
var lineNumber = regexp.MustCompile(`\bline \d+`)

// News are the warnings of a newer version that the older one does not have, or not with these people and times. Lines
// that have only moved make none.
func News(older, newer []Finding) []Finding {
	type said struct {
		kind Kind
		text string
	}
	of := func(f Finding) said { return said{f.Kind, lineNumber.ReplaceAllString(f.Text, "line")} }
	known := map[said]int{}
	for _, f := range older {
		known[of(f)]++
	}
	var news []Finding
	for _, f := range newer {
		if f.Error {
			continue
		}
		if known[of(f)]--; known[of(f)] < 0 {
			news = append(news, f)
		}
	}
	return news
}
