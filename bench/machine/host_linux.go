package machine

import (
	"os"
	"runtime"

	"github.com/kvbench/kvbench/results"
)

func system() root { return root{os.DirFS("/")} }

func host() results.Host { return hostAt(system(), runtime.NumCPU()) }

func loadAverage() *float64 { return parseLoad(system().text("proc/loadavg")) }

func busy() *float64 { return parseBusy(system().text("proc/stat")) }

func steal() *float64 { return parseSteal(system().text("proc/stat")) }
