package tomlfile

// node is one key or list item of a TOML text. Its line is the one on which it
// was first mentioned, or, for a table, that of its own header.
type node struct {
	line  int
	place Place
	keys  map[string]*node // of a table
	items []*node          // of a list
}

func newNode(line int) *node { return &node{line: line} }

// child is the node one step further, nil when there is none.
func (n *node) child(step any) *node {
	switch s := step.(type) {
	case string:
		return n.keys[s]
	case int:
		if s >= 0 && s < len(n.items) {
			return n.items[s]
		}
	}
	return nil
}

// key finds or makes the child of a table.
func (n *node) key(name string, line int) *node {
	if c, ok := n.keys[name]; ok {
		return c
	}
	if n.keys == nil {
		n.keys = map[string]*node{}
	}
	c := newNode(line)
	n.keys[name] = c
	return c
}

// item appends to a list.
func (n *node) item(line int) *node {
	c := newNode(line)
	n.items = append(n.items, c)
	return c
}

// table finds or makes the table that a header or a dotted key names. As TOML
// has it, a list of tables on the way stands for its last item.
func (n *node) table(path []string, line int) *node {
	for _, name := range path {
		n = n.key(name, line)
		if len(n.items) > 0 {
			n = n.items[len(n.items)-1]
		}
	}
	return n
}
