package schedule

import "fmt"

// when reads the windows of a line: a text or a list of them. A line without is open always and has none.
func (p *parser) when(raw any, path []any) []window {
	if raw == nil {
		return nil
	}
	texts, at := several(raw, path)
	if len(texts) == 0 || len(texts) > maxWindows {
		p.refuse(raw, fmt.Sprintf("1 to %d %v", maxWindows, errWindow), path...)
		return nil
	}
	var list []window
	for i, t := range texts {
		text, _ := t.(string)
		open, err := parseWindow(text)
		if err != nil {
			p.refuse(asWritten(t), errWindow.Error(), at(i)...)
		}
		list = append(list, open...)
	}
	return sorted(list)
}
