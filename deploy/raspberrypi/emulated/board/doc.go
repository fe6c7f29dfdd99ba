//go:build linux

// Package board boots the gateway as it ships on an emulated board: QEMU's
// `virt` for arm64 or armhf, a stock Debian kernel, and a first process of ours.
// The board has what a Raspberry Pi has that matters here: /dev/i2c-0 with the
// chips of a bus that a test holds, GPIO lines by their names, a disk, a
// network, a serial console.
//
//	programs, err := board.Build(ctx, dir, board.ARM64)
//	b, err := board.Boot(ctx, board.Options{
//		Arch: board.ARM64, Programs: programs, Dir: t.TempDir(),
//		Config: yaml, Bus: bustest.New(map[uint16]bustest.Chip{0x76: chip}),
//	})
//	defer b.Kill()
//	conn, err := net.Dial("tcp", b.MQTT) // the gateway's broker, from the host
//
// A boot takes 5 to 20 s of an idle machine, and several times that of a busy
// one: give ctx two minutes. What the board was told by its disk outlives
// [Board.Kill], which is a power cut, if the disk is the same one next time.
//
// # What is needed
//
// Debian's qemu-system-arm and device-tree-compiler, and the kernels: [Missing]
// says what is not here.
package board
