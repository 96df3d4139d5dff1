package testenv

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// given holds, for each address that FreeAddress has given, what says so to the other processes.
var given sync.Map

// FreeAddress is an address of loopback on which nobody listens, for a program that is started later, and again after it was
// killed. Its port is below those that the kernel gives to outgoing connections, of which one could take it meanwhile, and above
// those that Nezuban's programs have of themselves. No address is given twice on this machine while the process runs that it was
// given to: whoever was given it may not listen there yet, or not now.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	const first, ports = 20000, 10000
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", first+rand.IntN(ports))
		// A name that one process has at a time, and that the kernel frees however it ends.
		name, err := net.Listen("unix", "@nezuban-test-"+address)
		if err != nil {
			continue
		}
		ln, err := net.Listen("tcp", address)
		if err != nil {
			_ = name.Close()
			continue
		}
		_ = ln.Close() // it served its purpose
		given.Store(address, name)
		return address
	}
	tb.Fatal("found no free port")
	return ""
}
