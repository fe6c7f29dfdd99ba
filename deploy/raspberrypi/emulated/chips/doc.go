// Package chips has the chips of an emulated board: what they measure is what a
// test wishes, and the registers are what the datasheets make of it. The
// register maps are those of bustest; what is here turns a temperature into the
// numbers that the chip would have measured, by the datasheet's formula and not
// by the driver's code, so that an error of the driver shows.
//
// All are [bustest.Chip]; a test changes them within [bustest.Bus.Between].
package chips
