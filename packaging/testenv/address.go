package testenv

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// FreeAddress is an address of loopback on which nobody listens, for a program that is started later, and again after it was
// killed. Its port is below those that the kernel gives to outgoing connections, of which one could take it meanwhile.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	const first, ports = 10000, 20000
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", first+rand.IntN(ports))
		if ln, err := net.Listen("tcp", address); err == nil {
			_ = ln.Close() // it served its purpose
			return address
		}
	}
	tb.Fatal("found no free port")
	return ""
}
