//go:build !linux

package bench

import "errors"

const cgroupRoot = ""

var errNoLimit = errors.New("memory cannot be limited on this system")

func canLimitMemory() error { return errNoLimit }

func limitMemory(string, string, uint64) (leave func() error, err error) { return nil, errNoLimit }

func dropCache(string) error { return nil }
