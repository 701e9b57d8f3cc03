// Package tidy checks the house rules of this repository: the floor plan
// (imports go down only), who may use which outside module, and the form of
// files, packages and functions. It runs inside go test.
//
// # Map
//
//   - policy.go: the floor plan and the exceptions, as tables
//   - modules.go: which room may import which outside module, and why
//   - tree.go: the files, parsed; build tags are ignored, so that files that
//     an ordinary build leaves out are held to the same rules
//   - imports.go: the rules about imports
//   - house.go: the rules about packages, files and functions
//   - text.go: the rules about the top level and the words in text files
//   - check.go: all rules together, less the exceptions
//
// A rule is a function from a tree and a policy to violations. Each has a
// test with a small tree that breaks it.
//
// # When a rule fails
//
// A violation says what to do. Where the rule is wrong for one place, add an
// exception with its reason to policy.go; an exception that nothing needs any
// more is itself a violation. The floor plan is a decision, not a record: do
// not edit it to make a build pass.
package tidy
