package offheap

// poisonByte fills what was freed, in builds that look for misuse.
const poisonByte = 0xDB

// poisoning is on where speed does not matter.
const poisoning = OnHeap

func poison(mem []byte) {
	if len(mem) == 0 {
		return
	}
	mem[0] = poisonByte
	for n := 1; n < len(mem); n *= 2 {
		copy(mem[n:], mem[:n])
	}
}
