// Package page is the bytes of the B+tree's pages.
package page
