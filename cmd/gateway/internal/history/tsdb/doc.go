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
// fdatasync. The blocks stay in memory too, until they are sealed, at the end of
// an hour when there are 384 KiB of them, or after 6 hours, or at midnight UTC:
// then they are merged with what there is of their hours into pages, which are
// written to a file of their day, and the journal begins anew. When a day is over
// its files become one, and its roll-ups are made of it. Until then a question
// that a roll-up could answer is answered from its samples.
//
//	tier      page       files become one for    a roll-up
//	raw       1 hour     1 day                   every sample
//	1m        1 day      8 days                  1 minute
//	15m       8 days     64 days                 15 minutes
//	6h        64 days    512 days                6 hours
//
// All begin at multiples of themselves since 1970 UTC. Of two pages for the same
// time the one in the file with the higher rank counts; a page without anything
// in it says that there is nothing any more. Which files count is in the manifest,
// which is replaced by rename: so whatever changes several files happens as one.
//
// Late samples therefore land in their place, whatever happened to that place
// before. An hour whose samples are still there gets its page and its roll-ups
// from all of them again, with one that was there already replaced. Where only
// roll-ups are left, late samples are added to these, and one that was there
// already counts twice. So is every change of the past: Shift writes pages, and
// their day gets new roll-ups.
//
// Retention drops whole files of the oldest partition of a tier; of the day that
// is being written, if it alone is too large, the older half. Age counts only
// after the clock has gone on evenly for 10 minutes.
//
// # What can go wrong
//
// When the power goes, what was appended since the last Flush is lost. A frame
// at the end of a journal that is not whole is cut off. A frame that is not
// whole and has others behind it is damage: what is whole is used, and the file
// is set aside under a name that ends with .damaged. So it is with files of
// pages: those pages that are whole are written to a new file, and what was lost
// is answered from other tiers. All this is logged and counted, see [Stats].
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
// Every file begins with a head of 20 bytes, in this and in every later version:
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
// # Journals
//
// A journal, journal-N, has frames of kind 5, batches, and then zeros that were
// allocated. A batch is
//
//	uvarint names, and for each: uvarint id (within this file), text
//	uvarint blocks, and for each: uvarint id, uvarint bytes, block
//
// # Pages
//
// A file of pages, raw-N, 1m-N, 15m-N or 6h-N, has these frames, and then an end
// of 24 bytes. N is of 8 digits or more; all files share one count.
//
//	kind 7, about: byte 1 if the file has all that its partition had when it was
//	    made; uvarint rank
//	for each series:
//	    kind 1, series: the text of its name, without a length
//	    kind 2, page, each in order of time: varint number (its start / its span),
//	        and a block (raw), or roll-ups
//	    kind 3, index: uvarint pages, and for each: varint number and uvarint
//	        offset of its frame in the file, both less those of the one before;
//	        uvarint bytes of the frame, uvarint samples or roll-ups
//	kind 4, top: about; varint number of the first page, varint number of the last;
//	    uvarint series, and for each: text name, uvarint offset and uvarint bytes
//	    of the frame of its index, varint time of its first sample and of its last,
//	    8 bytes float64 its last value, varint how many samples it has more than
//	    the pages it replaces
//	end: 8 bytes offset of the top, 4 its bytes, 4 CRC32C of these 12, "HISTEND\n"
//
// To open history only ends and tops are read, and to answer a question, of each
// file in its range, the index of the series and its pages.
//
// # Manifest
//
// The file manifest has one frame, of kind 6:
//
//	uvarint highest number of a file so far
//	uvarint number from which journals are not sealed; those before are not needed
//	uvarint files, and for each: byte tier, uvarint number, varint partition
//	    (the start of its pages / what becomes one); others are not needed
//	4 times varint: the time, ms, before which the tier does not have everything
//	uvarint holes, and for each: byte tier, varint from, varint to, ms: where the
//	    pages of a tier were damaged
//	uvarint deletions, and for each: text name, uvarint rank: files up to this one,
//	    and journals up to this number, do not have the series any more, although
//	    it may still be in them
//
// Without a manifest all files count.
//
// # Blocks of samples
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
//
// A block without samples is two zeros.
//
// # Roll-ups
//
//	byte     bit 0 first, last, min and max are whole numbers, 1 sums are, 7 the
//	         rest is deflated
//	byte     decimals, bit 7: rounded to a float32
//	uvarint  roll-ups, n; nothing follows if there are none
//	varint   start of the first / period
//	uvarint  if deflated: bytes of the rest before that
//
// and then, each for all roll-ups: varint how many periods later than the next
// one is due it begins (not for the first); varint how many samples more than the
// one before it has; uvarint ms from its start to its first sample; uvarint ms
// from its last sample to its last ms. If they are whole: varint first, less the
// last of the one before; varint last, less first; varint the lesser of these,
// less min; varint max, less the greater of these. Otherwise planes (as values 2)
// of first, last, min and max. If sums are whole: varint sum, less count times the
// mean of min and max, rounded towards 0; they are so if that changes them by no
// more than 1e-13 of themselves or of their samples. Otherwise planes of sums.
package tsdb
