// Package storetest is what every store has to pass, and folders in memory that
// forget, tear and fail as disks do.
package storetest
