package testenv

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// given holds, by address, what keeps one that FreeAddress has given from being given again until this process has ended.
var given sync.Map

// FreeAddress is an address of loopback on which nobody listens, for a program that is started later, and again after it was
// killed. Its port is below those that the kernel gives to outgoing connections, of which one could take it meanwhile. No address
// is given twice, nor to two processes at a time: the tests of other packages run beside these.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	const first, ports = 10000, 20000
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", first+rand.IntN(ports))
		// A name that one process alone can have, and that goes with it. Only who has it tries the port.
		name, err := net.Listen("unix", "@nezuban-test-"+address)
		if err != nil {
			continue
		}
		ln, err := net.Listen("tcp", address)
		if err != nil {
			_ = name.Close() // it keeps nothing
			continue
		}
		_ = ln.Close() // it served its purpose
		given.Store(address, name)
		return address
	}
	tb.Fatal("found no free port")
	return ""
}
