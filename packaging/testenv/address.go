package testenv

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// given are the addresses that FreeAddress has given to this process, of which one may not be listened at yet.
var given sync.Map

// FreeAddress is an address of loopback on which nobody listens, for a program that is started later, and again after it was
// killed. Its port is below those that the kernel gives to outgoing connections, of which one could take it meanwhile. No address
// is given twice.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	const first, ports = 10000, 20000
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", first+rand.IntN(ports))
		ln, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		_ = ln.Close() // it served its purpose
		if _, taken := given.LoadOrStore(address, true); !taken {
			return address
		}
	}
	tb.Fatal("found no free port")
	return ""
}
