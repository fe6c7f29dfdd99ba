// Package setup is what the page does to the gateway itself: it looks what
// sensors there are, tries one before it is added, and changes the configuration
// of the gateway that runs, comments kept.
//
//	scan → a place with candidates → try → a reading → add → configuration → Change
//
// What is changed goes through the file: it is written first, with what it was
// beside it, and what the file says then is what runs. A file that somebody else
// has changed meanwhile is not written to, and one that cannot be written is
// answered with the lines to put there.
//
// It knows sensors, their buses and the configuration, and neither the broker nor
// the dashboard but for how that speaks.
package setup
