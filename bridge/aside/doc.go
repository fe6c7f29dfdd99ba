// Package aside keeps the messages that an upstream does not take: it refuses
// them, or drops the connection each time. They are taken out of the queue so
// that the rest goes on, and kept here, with the reason, for a person to look at.
//
//	<folder>/<name>.aside.jsonl
//
// is a file of JSON lines that only grows, for jq as much as for us. A line is a
// message as [Message] has it, or {"forget":[1,2]}, which takes messages away.
// What the bounds leave no room for is gone without a line: who reads the file
// from its beginning comes to the same end. When more than half of the file is
// gone, a new one takes its place.
//
// # Crashes
//
// When Put returns, the message is on stable storage. The end of a file that was
// being written when the power went is reported and cut off by the next Put,
// and lines that cannot be read are reported and passed over.
//
// # Concurrency
//
// A [Shelf] belongs to a bridge; other processes may open the same file and
// take messages away, with the folder's lock (flock), and the bridge sees that.
// They write into the file that is there, so that it stays the bridge's if
// another user does it.
package aside
