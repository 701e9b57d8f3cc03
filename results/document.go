package results

// A Document is text or Markdown in the manner of Table, for packages that
// write beside it. It is not safe for concurrent use.
type Document struct{ p *page }

// A Column of a Document's table.
type Column struct {
	Title string
	Left  bool // aligned left, as texts are; numbers stand right
	// Block: columns of one block stay together when a table is wider than
	// the terminal. Block 0 names the row and is repeated in each part.
	Block int
	Cells []string
}

// NewDocument begins one. Of o it heeds Format, Color and Width.
func NewDocument(o TableOptions) *Document { return &Document{newPage(o)} }

// Heading writes a heading of level 1 to 3.
func (d *Document) Heading(level int, text string) { d.p.heading(level, text) }

// Line writes a sentence or two, a paragraph of its own in Markdown.
func (d *Document) Line(text string) { d.p.line(text) }

// Item writes an element of a list.
func (d *Document) Item(text string) { d.p.item("-", text) }

// Blank ends a paragraph.
func (d *Document) Blank() { d.p.blank() }

// Table writes columns of equal length.
func (d *Document) Table(columns []Column) {
	own := make([]column, len(columns))
	for i, c := range columns {
		own[i] = column{title: c.Title, left: c.Left, block: c.Block, cells: c.Cells}
	}
	d.p.table(own)
}

// Bytes are what was written so far.
func (d *Document) Bytes() []byte { return d.p.bytes() }

// CompareSetups orders setups as tables of a plan show them.
func CompareSetups(p *Plan, a, b Setup) int { return compareSetups(p, a, b) }
