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
// serves plain passwords and SCRAM-SHA-256.
//
// An unknown name costs what a wrong password costs, and gets the same answer.
//
// # Rules
//
// They are Mosquitto's. Without any everything is allowed. With any, what no
// rule grants is denied. A client's own rules come first, then the patterns,
// which are for everybody; in both, deny comes before what grants. A filter
// matches whole levels and never more; '#' does not match what begins with
// '$'. In a pattern %u is the user name and %c the client id, each a level of
// its own; if one of them contains '+', '#' or '/', no pattern applies to that
// client, for it could make the pattern wider than its author thought.
//
// The package knows no connections. golang.org/x/crypto is here for argon2,
// which the standard library does not have.
package auth
