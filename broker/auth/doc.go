// Package auth says who may come in to the broker and what they may do there.
//
// A [Guard] is made from a [Config]: passwords and rules in the configuration
// itself, in a password file and in an ACL file as Mosquitto has them, or
// both. [Guard.Login] checks a name and a password; [Guard.Method] begins an
// exchange of MQTT 5 that proves a password without sending it; and
// [Guard.Rights] says what a client may publish and receive. [Guard.Reload]
// reads the files again while clients are connected: what is wrong then leaves
// everything as it was.
//
// # Passwords
//
// Mosquitto's hashes $6$ (SHA-512), $7$ (PBKDF2-SHA-512) and $argon2id$ are
// read. Ours are written as argon2id with the parameters that OWASP gives for
// little memory, 19 MiB and two passes, which a Pi Zero computes in about a
// second; not more than two are computed at once, so that a flood of logins
// takes time and not memory. A verifier for SCRAM, in PostgreSQL's form,
// serves plain passwords and SCRAM-SHA-256. Names and passwords are compared
// byte by byte: SASLprep, which SCRAM asks for, would change those that are not
// ASCII, and is not done.
//
// An unknown name costs what a wrong password costs, as far as all users have
// hashes of one kind, and gets the same answer. SCRAM shows of it what it would
// show of a user, the same each time. An address that fails too often is
// refused unheard for a while; a right password does not count against it.
//
// A password that was right is remembered until the next Reload, as a digest
// keyed with a secret of the process: when the power comes back, a hundred
// sensors do not have to wait for a hundred seconds each time they reconnect.
//
// # Rules
//
// They are Mosquitto's. Without any everything is allowed. With any, what no
// rule grants is denied. Rules before the first user line are for anonymous
// clients only. A client's own rules come first, then the patterns, which are
// for everybody; in both, deny comes before what grants, and what a client's
// own rules grant no pattern takes away. A filter matches whole levels and
// never more; '#' does not match what begins with '$', so that $SYS has to be
// granted by name. In a pattern %u is the user name and %c the client id.
//
// Two things are stricter than Mosquitto 2.0, because clients choose their ids.
// If the user name or the client id contains '+' or '#', no pattern applies to the
// client; if it contains '/', none grants anything that has it. And one that begins with '$' does not fit where
// a pattern begins: %c/# does not give $SYS to a client of that name. A line
// that cannot be understood is an error; Mosquitto leaves users out whose hash
// is damaged.
//
// The package knows no connections. golang.org/x/crypto is here for argon2,
// which the standard library does not have.
package auth
