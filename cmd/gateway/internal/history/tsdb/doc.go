// Package tsdb keeps time series for years on an SD card: samples as they are for
// days, and then what sums them up for each minute, 15 minutes and 6 hours, with
// every extreme. It knows names, times and numbers, and nothing of topics,
// sensors or pages.
//
// # Use
//
//	db, err := tsdb.Open(tsdb.Options{Folder: dir, Raw: tsdb.Retention{Age: 30 * 24 * time.Hour}})
//	go db.Run(ctx)                              // writes a batch each minute, and all else
//	err = db.Append("home/kitchen#temperature", tsdb.Sample{Time: ms, Value: 21.5})
//	from, to, width := tsdb.Grid(from, to, 1500) // a grid people know, exact and cheap
//	buckets, tier, err := db.Buckets("home/kitchen#temperature", from, to, width, nil)
//
// Every method may be called from any goroutine. Append, Buckets, Samples, Series
// and Stats never wait for a write to the disk. Flush, Delete, Shift and Close do.
// Without a folder all is the same in bounded memory.
//
// # How a sample gets to the disk
//
// Append puts it into memory, where it can be read at once. Flush, which Run
// calls every Batch, packs what came since into blocks, one for each series and
// hour, and appends them to the journal as one frame, one write and one
// fdatasync. The blocks stay in memory too, until they are sealed: then they are
// merged with what there is of their hours into pages, which are written to a
// file of their day, and the journal begins anew. When a day is over, its files
// become one, and its roll-ups are made.
//
// So late samples land in their place, whatever happened to that place before:
// the newest page of an hour counts. An hour whose samples are still there gets
// its roll-ups from all of them again; where only roll-ups are left, late
// samples are added to these, and one that was there already counts twice.
//
// # What can go wrong
//
// When the power goes, what was appended since the last Flush is lost. A frame
// at the end of a journal that is not whole is cut off. A frame that is not
// whole and has others behind it is damage: what is whole is used, and the file
// is set aside under a name that ends with .damaged. All this is logged and
// counted, see [Stats].
//
// When a write fails, because the disk is full, broken or read-only, everything
// goes on in memory, Flush returns the error, and the next one tries again, in a
// new journal, since nobody knows what the old one has. What waits is compressed,
// to 1 to 2 bytes a sample; beyond Options.Backlog the oldest is dropped.
//
// # Format, version 1
//
// Numbers of fixed size are little-endian. uvarint is that of encoding/binary;
// varint is a signed number as uvarint(v<<1 ^ v>>63). Text is its length as
// uvarint, and then its bytes. Times are ms since 1970 UTC.
//
// Every file begins with a head of 20 bytes:
//
//	 0   8  "GWHIST\r\n"
//	 8   1  version, 1
//	 9   1  kind: 1 pages, 2 journal, 3 manifest
//	10   1  tier, of pages: 0 raw, 1 minutes, 2 quarters, 3 six hours
//	11   1  zero
//	12   4  salt of its frames' checksums, random
//	16   4  CRC32C of the 16 bytes before
//
// Frames follow, without gaps:
//
//	 0   3  F7 'h' 'f' (F7 is in no UTF-8, so no name looks like a frame)
//	 3   1  kind
//	 4   4  bytes of the payload, n, at most 64 MiB
//	 8   4  CRC32C of the salt, the kind, n, and the payload
//	12   n  payload
//
// A journal, journal-N, has frames of two kinds, and then zeros that were
// allocated. Kind 5, a batch, is
//
//	uvarint names, and for each: uvarint id (within this file), text
//	uvarint blocks, and for each: uvarint id, uvarint bytes, block
//
// Kind 6 is the text of a name without a length: the series ends, with all that
// came before.
//
// A block is samples of one hour, in order of time, no time twice:
//
//	byte     bits 0-1 times, 2-3 values, 7 the body is deflated
//	uvarint  samples, n
//	varint   time of the first
//	uvarint  usual period, ms
//	uvarint  bytes of the times in the body
//	values 0 (all are the same): 8 bytes, float64
//	values 1 (whole numbers): byte decimals, bit 7: rounded to a float32;
//	         uvarint step; varint first
//	uvarint  if deflated: bytes of the body before that (RFC 1951)
//	...      body: times, values
//
// Times are, for each sample but the first: 0, nothing: one period apart; 1, a
// varint: how much later it is than a clock, which begins with the first, goes
// on by the period, and then follows by an eighth (>>3) of that, or wholly if
// that is more than half a period; 2, a varint: how much longer the time since
// the one before is than that before, which begins with the period.
//
// Values 1 are, for each sample but the first, a varint: the difference of whole
// numbers to the one before, divided by the step; a value is its whole number
// divided by 10^decimals, rounded to a float64, or to a float32 first. It is used
// when that is every value exactly. Values 2 are the others: the bits of each
// value XOR those of the one before, the first XOR 0: a byte that says which of
// their 8 bytes occur, bit 0 the lowest, and then for each of these n bytes.
package tsdb
