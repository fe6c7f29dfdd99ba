// Package store keeps what a broker must not forget when the power goes:
// sessions, their subscriptions, the messages on their way to them, the packet
// identifiers they have sent, and retained messages. It knows nothing of MQTT
// beyond these words.
//
// # Use
//
//	d, err := store.Open(dir, store.Options{Interval: 5 * time.Second})
//	err = d.Load(session, retained)             // once, what there was
//	mark, err := d.Append(store.Now, changes...) // never waits for the disk
//	...
//	if d.Stable() >= mark { acknowledge }        // or Watch, or Wait
//
// [Disk] is a log in a folder. [Memory] is the same without a disk. What both
// promise is tested by package storetest.
//
// # How a change reaches the disk
//
// Append makes the change in an index in memory, appends its record to the
// batch that is being filled, and returns. One goroutine writes batches, one
// after the other: a batch is one frame, one write and one fdatasync, and
// while it is written the next one is filled. So whatever waits shares one sync.
// A batch is written at once if somebody waits for it (Now), and otherwise
// when Interval has passed since its first record or when 64 KiB wait (Later).
//
// The index has 16 bytes for each delivery, and 3 where many wait for one session:
// payloads stay on the disk, and Read reads them there.
//
// # What can go wrong
//
// A frame that is not whole, with no whole one behind it, is where the power
// went. It was never stable, nobody was told that it was, and it is cut off:
// [Recovery] says how much. A frame that is not whole and has others behind it
// is damage: everything else is read, what is needed of the file is moved to
// another one, and the file is set aside under a name that ends with .damaged.
// It is never deleted.
//
// When a write or a sync fails, nobody knows what the file has. Its segment
// ends where it was last stable, and everything that waits goes into a new one,
// again and again until that succeeds. Meanwhile Stable does not rise, reading
// goes on, and Append takes what fits in memory; then it fails with [ErrFull].
//
// # Format, version 1
//
// The folder has segments, 00000001.segment and so on, files of usually 4 MiB
// that are allocated whole before they are used; spare-N, up to two segments
// that are not needed any more and will be used again, because writing to
// blocks that are there costs least; and what was set aside. Numbers are
// little-endian; uvarint is that of encoding/binary; text and bytes are their
// length as uvarint, and then themselves. CRC32C is that of Castagnoli.
//
// A segment begins with a head of 64 bytes:
//
//	 0   8  "GWSTORE\n"
//	 8   2  version, 1
//	10   2  zero
//	12   4  number of the segment, as in its name
//	16   8  mark of its first frame
//	24   8  when it was made, Unix time, ms
//	32   4  salt of its frames' checksums, random
//	36  24  zero
//	60   4  CRC32C of the 60 bytes before
//
// The same 64 bytes end the file. Frames follow the head, each at a multiple
// of 8 bytes, and 24 bytes of zeros follow the last frame. The rest is
// undefined. Where there is no frame behind one, the next may begin at the next
// multiple of 4 KiB: one that is small is not written across two pages if it can
// wait. A frame is
//
//	 0   4  0xA9C35E17
//	 4   4  bytes of its records, n
//	 8   8  mark: 1 more than that of the frame before
//	16   4  when it was written, Unix time, s
//	20   4  CRC32C of the salt, of the 20 bytes before, and of the records
//	24   n  records
//
// A frame whose mark is not below that of the next segment's first one does not
// count: it was not stable, and was written again there. The salt is there so
// that nobody can publish a payload that passes for a frame.
//
// A record is its kind, a byte; the length of its body, uvarint; and its body:
//
//	 1 put session     session uvarint, name text, data bytes
//	 2 end session     session uvarint
//	 3 subscribe       session uvarint, filter text, options bytes
//	 4 unsubscribe     session uvarint, filter text
//	 5 publish         message
//	 6 clear retained  number uvarint, topic text: holds for lower numbers
//	 7 done            session uvarint, seq uvarint
//	 8 release         session uvarint, seq uvarint, flags 1 byte
//	 9 forget          session uvarint, packet identifier uvarint
//	10 move            message: once more, for those deliveries that need it
//	11 round begin     next session uvarint, next number uvarint, count uvarint,
//	                   and that many segments that are complete: number uvarint,
//	                   mark of the last frame uvarint
//	12 session         state of a session
//	13 retained set    from, to, count, and count differences, all uvarint: of
//	                   the numbers of that range these are retained
//	14 round end       mark of the frame with its beginning, uvarint
//
// A message is
//
//	CRC32C of what follows, 4 bytes
//	flags, 1 byte: 0-1 QoS, 2 RETAIN was set, 3 it is retained, 4 it expires,
//	    5 it has properties, 6 it has a packet identifier, 7 it has a publisher
//	when it came, uvarint, Unix time, ms
//	when it expires, uvarint, Unix time, ms, if flag 4
//	topic text; publisher text, if flag 7; properties bytes, if flag 5
//	number among the retained, uvarint, if flag 3
//	session uvarint and packet identifier uvarint, if flag 6
//	count of deliveries uvarint, and for each
//	    session uvarint, seq uvarint, flags 1 byte, extra bytes
//	payload, the rest
//
// The state of a session is
//
//	session uvarint, name text, data bytes, next seq uvarint
//	count uvarint, and that many subscriptions: filter text, options bytes
//	count uvarint, and that many received packet identifiers: uvarint
//	count uvarint, and that many runs of deliveries that are not done: seq of
//	    the first, less the end of the run before, uvarint; length uvarint
//	count uvarint, and that many released deliveries: seq, less that of the one
//	    before, uvarint; flags 1 byte
//
// A reader takes all segments by number and all records in their order. A
// delivery may be met before its session, whose beginning was in a segment that
// is gone: then the round states it later, or it is no more. What a round does
// not state has ended by then.
//
// A change of the format is a new version: see version.go.
package store
