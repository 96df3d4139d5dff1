package spool

import "os"

// Lock makes sure that one process at a time uses a folder: [ErrInUse] is that another one does. The kernel lets go of it when the file is
// closed, or the process ends, however it ends.
func Lock(dir string) (*os.File, error) { return lockDir(dir) }
