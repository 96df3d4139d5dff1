package escalation

// Contacts holds the addresses of people, which stand outside the rotation file.
type Contacts struct {
	addresses map[string]map[string]string // person, channel
}

// Address is the address of a person on a channel.
func (c *Contacts) Address(person, channel string) (string, bool) {
	a, ok := c.addresses[person][channel]
	return a, ok
}
