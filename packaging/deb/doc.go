// Package deb holds what the agent's Debian package is made of, and the test
// that installs it in a clean Debian, runs it as its unit does, and removes it.
//
// Nothing imports it; `make packages` builds the package with nfpm.
package deb
