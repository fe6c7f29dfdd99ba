// Package nbd is a disk that loses what was not flushed when its power goes, as
// SD cards and drives with a write cache do. It is an image file, and a server
// of the Network Block Device protocol that QEMU uses it through, so that an
// emulated board's power can be cut. It knows nothing of boards.
//
// # Use
//
//	disk, err := nbd.Open("card.img")
//	go nbd.Serve(ctx, listener, disk) // a unix socket
//	// qemu-system-arm … -drive if=none,id=d0,format=raw,file=nbd+unix:///?socket=PATH
//	// … kill QEMU …
//	report, err := disk.Cut(nbd.LoseSome, random)
//
// # What is durable
//
// A write is in memory until the next FLUSH, and is read from there. It is on
// the disk when FLUSH returns, or at once if it has the flag FUA. A disk may
// write out earlier than it has to, and this one does when it has cacheLimit
// bytes. It never does so because a client has gone: only an orderly client has
// flushed by then.
//
// [Disk.Cut] drops what is in memory, or what is left of it after a random part
// reached the disk: see [Loss]. The image is that of the disk at its next power
// on, and the same Disk goes on with it. [Disk.StopAfter] has the power go in the
// middle of a write.
//
// What is torn is torn between two atoms of 1 KiB. Disks promise 512 bytes and
// cards have pages of 4 KiB and more. 1 KiB is what ext4 needs: it writes
// its superblock of 1 KiB in place, and cannot be mounted when half of it is new.
//
// # The protocol
//
// The server speaks the fixed newstyle negotiation and simple replies of
// https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md: options EXPORT_NAME, ABORT,
// LIST, INFO and GO, and commands READ, WRITE, DISC, FLUSH, TRIM and
// WRITE_ZEROES. There is one export, whose name is "". All requests are
// multiples of 512 bytes. Requests of one connection are done one after the other.
//
// It is for one machine that is ours: there is no TLS, and no idle client is
// sent away.
package nbd
