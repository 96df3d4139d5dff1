package tomlfile

// Place is where a key or a list item stands in a TOML text, in bytes from its beginning, for those who edit the text and
// leave the rest of it as it is.
type Place struct {
	Start    int  // of the key, or of the header of a table that has one; of a list item as From
	From, To int  // the value, half-open; of a table with a header the header
	End      int  // where the last thing that belongs to it ends; without a header as To
	Header   bool // a table that has a header of its own: [a.b] or [[a.b]]
}

// Place finds a key or a list item; the path is as in [File.Line]. A table that is known only by headers and dotted keys
// below it, and a list of tables with headers, have no place of their own.
func (f *File) Place(path ...any) (Place, bool) {
	at := f.root
	for _, step := range path {
		if at = at.child(step); at == nil {
			return Place{}, false
		}
	}
	p := at.place
	p.End = at.end()
	return p, p.To > p.From
}

// Len is how many items a list has; 0 for anything else, and for a path that the text does not have.
func (f *File) Len(path ...any) int {
	at := f.root
	for _, step := range path {
		if at = at.child(step); at == nil {
			return 0
		}
	}
	return len(at.items)
}

// end is where the last part of a node ends.
func (n *node) end() int {
	end := n.place.To
	if !n.place.Header && end > 0 {
		return end
	}
	for _, c := range n.keys {
		end = max(end, c.end())
	}
	for _, c := range n.items {
		end = max(end, c.end())
	}
	return end
}
