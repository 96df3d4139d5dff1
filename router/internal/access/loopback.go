package access

import "net/http"

// RequireElsewhere is [Gate.Require] for requests from other machines; those made on this one pass freely.
func (g *Gate) RequireElsewhere(kind Kind, next http.Handler) http.Handler {
	guarded := g.Require(kind, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fromLoopback(r) {
			next.ServeHTTP(w, r)
			return
		}
		guarded.ServeHTTP(w, r)
	})
}
