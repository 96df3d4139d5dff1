package testenv

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// given are the addresses that FreeAddress has given to this process, of which one may not be listened at yet. Each is held for as
// long as the process lives, by a socket of its name: the tests of other packages run at the same time, and the kernel gives a name
// to one process alone. It stands in no file system, so that nothing is left of it.
var given sync.Map

// FreeAddress is an address of loopback on which nobody listens, for a program that is started later, and again after it was
// killed. Its port is below those that the kernel gives to outgoing connections, of which one could take it meanwhile. No address
// is given twice, be it to another process.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	const first, ports = 10000, 20000
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", first+rand.IntN(ports))
		held, err := net.Listen("unix", "@nezuban-test-"+address) // first: to listen at it for a moment would be in its owner's way
		if err != nil {
			continue
		}
		ln, err := net.Listen("tcp", address)
		if err != nil {
			_ = held.Close() // nothing was sent
			continue
		}
		_ = ln.Close() // it served its purpose
		given.Store(address, held)
		return address
	}
	tb.Fatal("found no free port")
	return ""
}
