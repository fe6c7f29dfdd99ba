// Package upgrade replaces the gateway's binary by one of a release that somebody
// with the key has signed.
//
// # What a release is
//
// A folder, on disk or behind a URL, with
//
//	SHA256SUMS                            as sha256sum writes it: 64 hex digits, two spaces, a name
//	SHA256SUMS.minisig                    the signature of SHA256SUMS, by minisign
//	gateway_VERSION_linux_BOARD.tar.gz    BOARD is armv6, armv7, arm64 or amd64
//
// and whatever else; `make dist` makes one. There may be archives of several versions:
// the newest for this board is taken. The archive has the binary as
// gateway_VERSION_linux_BOARD/gateway. Nothing but what SHA256SUMS names is ever
// looked at, and SHA256SUMS is not looked at before its signature is good.
//
// # What a signature is
//
// minisign's format, so that its program can make and verify ours, too:
// four lines, of which the second is base64 of
//
//	2 bytes   "ED": Ed25519 of the BLAKE2b-512 of the file; "Ed": of the file itself
//	8 bytes   the number of the key
//	64 bytes  the signature
//
// and the fourth is base64 of a signature of those 64 bytes and of the third
// line without its "trusted comment: ". [Sign] makes "ED"; [Keys.Verify] takes both.
//
// A public key is base64 of "Ed", the number and the 32 bytes of the key. A file of
// keys may have several, one a line, beside lines that begin with "untrusted
// comment:": so the next key can be given out before the present one ends.
//
// A secret key is what `minisign -G -W` makes: one without a password. For one with
// a password there is minisign itself.
package upgrade
