package testenv

import (
	"context"
	"testing"
	"time"

	"nezuban/packaging/loadimage"
)

// Docker returns the path of the Docker engine's socket, once the engine has
// answered there. DOCKER_HOST is honoured when it names a Unix socket.
func Docker(tb testing.TB) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 10*time.Second)
	defer cancel()
	socket := loadimage.Socket()
	if err := loadimage.Ping(ctx, socket); err != nil {
		tb.Log(err)
		LeftOut(tb, "docker", "apt-get install docker.io, start dockerd, and run as root or in group docker")
	}
	return socket
}

// DockerImage makes, where it is missing, an image that holds nothing but the
// program of package testload, and returns its name.
func DockerImage(tb testing.TB) string {
	tb.Helper()
	socket := Docker(tb)
	ctx, cancel := context.WithTimeout(tb.Context(), 2*time.Minute)
	defer cancel()
	image, err := loadimage.Make(ctx, Repo(tb), socket)
	if err != nil {
		tb.Fatal(err)
	}
	return image
}
