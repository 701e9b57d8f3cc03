// Package report says what runs came to: one Model of everything that a
// reader is shown, and the forms in which it is shown.
//
// Everything is computed in Build. A form formats and lays out; it neither
// estimates nor decides, so that two forms of one model cannot disagree.
//
// # Map
//
//	model.go     Model, Run, Table, Entry, Need: the first things to read
//	charts.go    the parts of a Model that are drawn
//	facts.go     the parts of a Model that are looked up
//	build.go     Build: from runs to a Model, part by part
//	entries.go   tables and their entries; estimate.go figures of repetitions
//	comparison.go  ratios, what is told apart; needs.go  which engine for you
//	verdict.go   the first sentence; caveats.go  what it rests on
//	curves.go series.go amplification.go triangle.go sweep.go study.go
//	             the charts; explanation.go  the causes
//	quality.go fidelity.go environment.go settings.go glossary.go
//	             what is looked up
//	markdown.go  Markdown: verdict, rankings; mdcharts.go mdfacts.go  the rest;
//	             mdpage.go  how it is written;  csv.go  CSV
//	words.go     how sentences are put together; null.go  empty, not null
//	html.go      HTML: the page; its templates, style and scripts are assets/
//	htmlchart.go, htmlfigure.go  charts for the page's scripts to draw
//	htmlplot.go  what is drawn in the markup; htmltable.go  words and tables
//
// # What is never done
//
// Nothing is dropped silently: a cell that failed, was refused or is unfit for
// a ranking is in the quality log, and what was thinned to keep the page small
// is in Model.Left. Unknown is null and never 0.
package report
