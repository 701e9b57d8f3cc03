package vfs

import "testing"

func TestWhatSurvivesOfNames(t *testing.T) {
	checkRules(t, []rule{
		{name: "a file whose name was not synced may be lost with its synced bytes", story: func(s *story) {
			s.create("/f", "A")
			s.sync("/f")
		}, leave: []string{"", "/f=A"}},
		{name: "a file that was not synced may be empty under a synced name", story: func(s *story) {
			s.create("/f", "A")
			s.syncDir("/")
		}, leave: []string{"/f=", "/f=.", "/f=A"}},
		{name: "names survive apart", story: func(s *story) {
			s.create("/f", "")
			s.create("/g", "")
		}, leave: []string{"", "/f=", "/g=", "/f= /g="}},
		{name: "a removed file may come back", story: func(s *story) {
			s.durable("/f", "A")
			s.remove("/f")
		}, leave: []string{"", "/f=A"}},
		{name: "a removal that was synced stays", story: func(s *story) {
			s.durable("/f", "A")
			s.remove("/f")
			s.syncDir("/")
		}, leave: []string{""}},
		{name: "a removed file comes back with what it held", story: func(s *story) {
			s.durable("/f", "A")
			f := s.open("/f")
			s.remove("/f")
			_, err := f.WriteAt(fill("B"), 0)
			s.ok(err)
		}, leave: []string{"", "/f=A", "/f=B"}},
		{name: "a rename leaves the old name or the new", story: func(s *story) {
			s.durable("/f", "A")
			s.rename("/f", "/g")
		}, leave: []string{"/f=A", "/g=A"}},
		{name: "a rename over a file leaves the one or the other there", story: func(s *story) {
			s.durable("/f", "A")
			s.durable("/t", "B")
			s.rename("/t", "/f")
		}, leave: []string{"/f=A /t=B", "/f=B"}},
		{name: "a rename that was synced stays", story: func(s *story) {
			s.durable("/f", "A")
			s.durable("/t", "B")
			s.rename("/t", "/f")
			s.syncDir("/")
		}, leave: []string{"/f=B"}},
		{name: "a file whose creation is lost was not renamed", story: func(s *story) {
			s.durable("/f", "A")
			s.create("/t", "B")
			s.sync("/t")
			s.rename("/t", "/f")
		}, leave: []string{"/f=A", "/f=A /t=B", "/f=B"}},
		{name: "a file moved twice has one of its names", story: func(s *story) {
			s.durable("/a", "A")
			s.rename("/a", "/b")
			s.rename("/b", "/c")
		}, leave: []string{"/a=A", "/b=A", "/c=A"}},
		{name: "a new file does not take the name of one that did not move away", story: func(s *story) {
			s.durable("/a", "A")
			s.rename("/a", "/b")
			s.create("/a", "")
		}, leave: []string{"/a=A", "/b=A", "/a= /b=A"}},
		{name: "nor does a renamed one", story: func(s *story) {
			s.durable("/a", "A")
			s.durable("/t", "T")
			s.rename("/a", "/b")
			s.rename("/t", "/a")
		}, leave: []string{"/a=A /t=T", "/b=A /t=T", "/a=T /b=A"}},
		{name: "a name that was removed and made again is the old file, none or the new", story: func(s *story) {
			s.durable("/f", "A")
			s.remove("/f")
			s.create("/f", "")
		}, leave: []string{"/f=A", "", "/f="}},
		{name: "a link survives or not", story: func(s *story) {
			s.durable("/f", "A")
			s.link("/f", "/g")
		}, leave: []string{"/f=A", "/f=A /g=A"}},
		{name: "two names of one file hold the same", story: func(s *story) {
			s.durable("/f", "A")
			s.link("/f", "/g")
			s.syncDir("/")
			s.write("/g", 0, "B")
		}, leave: []string{"/f=A /g=A", "/f=B /g=B"}},
		{name: "what was linked and then removed may have no name", story: func(s *story) {
			s.durable("/f", "A")
			s.link("/f", "/g")
			s.remove("/f")
		}, leave: []string{"", "/f=A", "/g=A", "/f=A /g=A"}},
	})
}

func TestWhatSurvivesOfDirectories(t *testing.T) {
	checkRules(t, []rule{
		{name: "a lost directory loses its children, synced or not", story: func(s *story) {
			s.ok(s.m.MkdirAll("/d"))
			s.create("/d/f", "A")
			s.sync("/d/f")
			s.syncDir("/d")
		}, leave: []string{"", "/d/ /d/f=A"}},
		{name: "a sync of the parent is not for what is in the directory", story: func(s *story) {
			s.ok(s.m.MkdirAll("/d"))
			s.create("/d/f", "A")
			s.sync("/d/f")
			s.syncDir("/")
		}, leave: []string{"/d/", "/d/ /d/f=A"}},
		{name: "each directory of MkdirAll survives apart", story: func(s *story) {
			s.ok(s.m.MkdirAll("/d/e"))
		}, leave: []string{"", "/d/", "/d/ /d/e/"}},
		{name: "a removed tree goes piece by piece", story: func(s *story) {
			s.durable("/d/f", "A")
			s.ok(s.m.RemoveAll("/d"))
		}, leave: []string{"", "/d/", "/d/ /d/f=A"}},
		{name: "a sync through a handle of the directory counts", story: func(s *story) {
			s.create("/f", "")
			d, err := s.m.Open("/")
			s.ok(err)
			s.ok(d.Sync())
		}, leave: []string{"/f="}},
		{name: "a move between directories is one piece", story: func(s *story) {
			s.durable("/d/f", "A")
			s.durable("/e/x", "X")
			s.rename("/d/f", "/e/f")
		}, leave: []string{"/d/ /d/f=A /e/ /e/x=X", "/d/ /e/ /e/f=A /e/x=X"}},
		{name: "a move whose target was synced may leave both names", story: func(s *story) {
			s.durable("/d/f", "A")
			s.durable("/e/x", "X")
			s.rename("/d/f", "/e/f")
			s.syncDir("/e")
		}, leave: []string{"/d/ /e/ /e/f=A /e/x=X", "/d/ /d/f=A /e/ /e/f=A /e/x=X"}},
		{name: "a move whose source alone was synced may leave none", story: func(s *story) {
			s.durable("/d/f", "A")
			s.durable("/e/x", "X")
			s.rename("/d/f", "/e/f")
			s.syncDir("/d")
		}, leave: []string{"/d/ /e/ /e/f=A /e/x=X", "/d/ /e/ /e/x=X"}},
		{name: "a move of which both were synced stays", story: func(s *story) {
			s.durable("/d/f", "A")
			s.durable("/e/x", "X")
			s.rename("/d/f", "/e/f")
			s.syncDir("/e")
			s.syncDir("/d")
		}, leave: []string{"/d/ /e/ /e/f=A /e/x=X"}},
		{name: "a new file that moves is durable with the sync of its target", story: func(s *story) {
			s.ok(s.m.MkdirAll("/d"))
			s.durable("/e/x", "X")
			s.create("/d/f", "A")
			s.sync("/d/f")
			s.rename("/d/f", "/e/f")
			s.syncDir("/e")
		}, leave: []string{"/d/ /e/ /e/f=A /e/x=X", "/d/ /d/f=A /e/ /e/f=A /e/x=X"}},
		{name: "a directory that moved is durable with the sync of either end", story: func(s *story) {
			s.durable("/a/d/f", "A")
			s.durable("/b/x", "X")
			s.rename("/a/d", "/b/d")
			s.syncDir("/b")
		}, leave: []string{"/a/ /b/ /b/d/ /b/d/f=A /b/x=X"}},
		{name: "also by its old end", story: func(s *story) {
			s.durable("/a/x", "X")
			s.durable("/b/x", "X")
			s.ok(s.m.MkdirAll("/a/d"))
			s.create("/a/d/f", "")
			s.syncDir("/a/d")
			s.rename("/a/d", "/b/d")
			s.syncDir("/a")
		}, leave: []string{"/a/ /a/x=X /b/ /b/d/ /b/d/f= /b/x=X"}},
		{name: "also if it was new", story: func(s *story) {
			s.durable("/a/x", "X")
			s.durable("/b/x", "X")
			s.ok(s.m.MkdirAll("/a/d"))
			s.rename("/a/d", "/b/d")
			s.syncDir("/b")
		}, leave: []string{"/a/ /a/x=X /b/ /b/d/ /b/x=X"}},
		{name: "a directory renamed in place is under one of its names", story: func(s *story) {
			s.durable("/a/f", "A")
			s.rename("/a", "/b")
			s.create("/b/g", "")
			s.syncDir("/b")
		}, leave: []string{"/a/ /a/f=A /a/g=", "/b/ /b/f=A /b/g="}},
		{name: "directories that swap do not swallow each other", story: func(s *story) {
			s.durable("/a/f", "A")
			s.durable("/b/g", "B")
			s.rename("/a", "/b/a")
			s.rename("/b/a", "/a")
			s.rename("/b", "/a/b")
		}, leave: []string{
			"/a/ /a/f=A /b/ /b/g=B",
			"/b/ /b/a/ /b/a/f=A /b/g=B",
			"/a/ /a/b/ /a/b/g=B /a/f=A",
		}},
	})
}
