// Package backup keeps a gateway in one file, and makes one of it again: its
// configuration and the password files that names, what is on disk for the
// broker, the page, the sensors and the alerts, and the history if asked.
//
//	gateway-pi-20261128.tar.gz
//	  config/gateway.yaml          the configuration
//	  config/0-passwd …            files that it names
//	  store/…                      the broker's store, as store.Backup copies it
//	  state/sensors/… …            what the other parts keep
//	  manifest.json                the last: every file with its size and SHA-256
//
// # Restoring
//
// [Stage] unpacks a backup beside the state that is used, and checks it whole:
// nothing is changed if anything is wrong with it. [Apply] puts what is staged in
// its place, before anything of it is used: it moves what was into a folder
// before-…, then what is staged out of its own. Each step can be done again, so
// that a power cut in the middle costs nothing: the next start goes on.
//
//	folder/restore/plan.json   there is something to apply
//	folder/restore/moved       what was is out of the way
//	folder/before-20261128-…   what was, until the next time
//
// A backup has hashes of passwords and, if the configuration has them, passwords
// of upstreams: it is to be kept like them. Private keys of TLS are not in it.
package backup
