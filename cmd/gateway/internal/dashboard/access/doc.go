// Package access says who may do what on the gateway's page and its API: by a
// password, by what is remembered of whoever has given it (sessions, in cookies),
// and by tokens for scripts and for displays on a wall. [Access.Require] is put
// in front of everything that is served.
//
// # Before there is a password
//
// Whoever sits at this machine may look: a connection from loopback, to a
// listener on loopback, for a name of this machine (a page elsewhere whose name
// was made to lead here has another), with no header of a proxy. From anywhere
// else nothing is shown but the page that sets a password, unless the
// configuration lets everybody look. Nobody may change anything. Whoever does not
// sit at this machine has to show, to set a password, that he sees its log: there
// is a code in it, which is good once. No header that says where a request comes
// from is ever believed to its advantage.
//
// # What is kept
//
// In the folder of the page, each replaced as a whole and only for its owner to
// read: access.json has the hash of the password, and gateway passwd --page
// writes it, too; grants.json has sessions and tokens, as SHA-256 of what is
// secret of them, which is 256 bits by chance and needs nothing slower. A session
// is bound to the password that it was begun with, or to its token, and ends with
// it: its requests that are under way, streams above all, are cancelled. When it
// was used last is written once a day, for the sake of an SD card.
//
// If access.json is damaged nobody may change anything until there is a new one;
// if grants.json is, it is set aside, and everybody logs in again.
//
// # Cookies and other sites
//
// The cookie is SameSite=Strict. That costs nothing here: the page itself is open
// to all and asks for what it shows from its own origin, so that a link from
// elsewhere finds its way to a page that is logged in. Beside that every request
// that may change something is refused if a browser says that it is made by
// another site, cookie or not: a password could be set by one otherwise.
//
// All methods of [Access] may be called concurrently.
package access
