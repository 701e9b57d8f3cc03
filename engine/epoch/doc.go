// Package epoch frees memory behind the back of readers that take no locks.
//
// A reader pins the domain, follows pointers, copies what it needs and unpins.
// A writer unlinks an object, so that no new reader can reach it, and retires
// it; its free function runs once everyone who was pinned at that moment has
// unpinned.
package epoch
