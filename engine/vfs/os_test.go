package vfs

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(holderEnv); path != "" {
		os.Exit(holdLock(path))
	}
	os.Exit(m.Run())
}

func mustCreate(t *testing.T, path, content string) File {
	t.Helper()
	f, err := OS{}.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if _, err := f.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	return f
}

func content(t *testing.T, f File) string {
	t.Helper()
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, size)
	if n, err := f.ReadAt(p, 0); n != len(p) || err != nil && err != io.EOF {
		t.Fatalf("read %d of %d bytes: %v", n, len(p), err)
	}
	return string(p)
}

// holderEnv makes this program hold a lock on the file that it names.
const holderEnv = "VFS_TEST_HOLD"

// holdLock says "held" and waits for the end of its input.
func holdLock(path string) int {
	l, err := OS{}.Lock(path, true)
	if err != nil {
		os.Stdout.WriteString(err.Error())
		return 1
	}
	defer l.Close()
	os.Stdout.WriteString("held")
	io.Copy(io.Discard, os.Stdin)
	return 0
}

func TestALockHoldsAcrossProcessesUntilTheyEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	mustCreate(t, path, "").Close()
	for _, kill := range []bool{false, true} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), holderEnv+"="+path)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := make([]byte, 4)
		if _, err := io.ReadFull(out, said); err != nil || string(said) != "held" {
			t.Errorf("the holder said %q, %v", said, err)
		}
		if _, err := (OS{}).Lock(path, false); !errors.Is(err, ErrLocked) {
			t.Error("beside another process:", err)
		}
		if kill {
			cmd.Process.Kill()
		}
		in.Close()
		cmd.Wait()
		l, err := OS{}.Lock(path, true)
		if err != nil {
			t.Fatal("after it ended:", err)
		}
		l.Close()
	}
}
