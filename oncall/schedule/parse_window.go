package schedule

import (
	"fmt"
	"slices"
)

// when reads the windows of a line: a text or a list of them. A line without is open always and has none.
func (p *parser) when(raw any, path []any) []window {
	if raw == nil {
		return nil
	}
	texts, isList := raw.([]any)
	if !isList {
		texts = []any{raw}
	}
	if len(texts) == 0 || len(texts) > maxWindows {
		p.refuse(raw, fmt.Sprintf("1 to %d %v", maxWindows, errWindow), path...)
		return nil
	}
	var list []window
	for i, t := range texts {
		at := path
		if isList {
			at = append(slices.Clip(path), i)
		}
		text, _ := t.(string)
		open, err := parseWindow(text)
		if err != nil {
			p.refuse(asWritten(t), errWindow.Error(), at...)
		}
		list = append(list, open...)
	}
	return sorted(list)
}
