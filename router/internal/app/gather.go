package app

import (
	"context"
	"errors"
	"time"

	"nezuban/agent/daemon"
)

// gatherAgain is the pause after the closed incidents could not be followed.
const gatherAgain = time.Second

// gather writes the files of incidents that the leader has closed, on this router too, until ctx ends.
func (n *node) gather(ctx context.Context) {
	trouble := daemon.NewCondition(n.d.Log, "closed incidents")
	for ctx.Err() == nil {
		err := n.archive.Follow(ctx, n.conn, func(err error) {
			if err != nil {
				trouble.Failed(err)
				return
			}
			trouble.OK()
		})
		if ctx.Err() != nil {
			return
		}
		trouble.Failed(errors.Join(errors.New("following the closed incidents"), err))
		pause(ctx, gatherAgain)
	}
}
