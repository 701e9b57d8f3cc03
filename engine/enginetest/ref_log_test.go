package enginetest

var openWAL = openNaive("")
